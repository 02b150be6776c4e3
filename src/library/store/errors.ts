import { failure, type Failure, type Result } from '../../protocol/result';

/**
 * Everything that can go wrong in the library and is not a bug.
 *
 * | group | codes |
 * |---|---|
 * | reading | `file-missing`, `file-unreadable`, `format-unknown`, `content-invalid`, `too-large`, `cancelled` |
 * | archives | `archive-broken`, `archive-unsafe`, `archive-encrypted`, `archive-bomb` |
 * | store | `library-unwritable`, `library-newer`, `library-corrupt`, `storage-full`, `storage-busy`, `storage-failed`, `not-found`, `name-taken`, `folder-loop`, `import-running` |
 * | files | `checksum-mismatch` |
 * | writing | `write-failed` |
 */
export type LibraryErrorCode =
  | 'file-missing'
  | 'file-unreadable'
  | 'format-unknown'
  | 'content-invalid'
  | 'too-large'
  | 'cancelled'
  | 'archive-broken'
  | 'archive-unsafe'
  | 'archive-encrypted'
  | 'archive-bomb'
  | 'library-unwritable'
  | 'library-newer'
  | 'library-corrupt'
  | 'storage-full'
  | 'storage-busy'
  | 'storage-failed'
  | 'not-found'
  | 'name-taken'
  | 'folder-loop'
  | 'import-running'
  | 'checksum-mismatch'
  | 'write-failed';

export type LibraryFailure = Failure<LibraryErrorCode>;
export type LibraryResult<Value> = Result<Value, LibraryErrorCode>;

/** Builds a failure of this room. */
export function refuse(
  code: LibraryErrorCode,
  message: string,
  options: { readonly retryable?: boolean; readonly suggestion?: string } = {},
): { readonly ok: false; readonly error: LibraryFailure } {
  return failure<LibraryErrorCode>(code, message, options);
}

/**
 * A failure that has to unwind a transaction or a stream from any depth. The doors of the room (`importFile`, the
 * library's methods, the exports) turn it into a value again; it never leaves the room.
 */
export class LibraryError extends Error {
  override readonly name = 'LibraryError';
  readonly failure: LibraryFailure;

  constructor(
    code: LibraryErrorCode,
    message: string,
    options: { readonly retryable?: boolean; readonly suggestion?: string; readonly cause?: unknown } = {},
  ) {
    super(message, { cause: options.cause });
    this.failure = refuse(code, message, options).error;
  }
}

/** Runs a piece of work and turns its `LibraryError` into a failure. */
export async function asResult<Value>(work: () => Promise<Value>): Promise<LibraryResult<Value>> {
  try {
    return { ok: true, value: await work() };
  } catch (thrown) {
    if (thrown instanceof LibraryError) return { ok: false, error: thrown.failure };
    throw thrown;
  }
}

/** The code of a file system error (`ENOENT`), or null for any other thing thrown. */
export function systemCodeOf(thrown: unknown): string | null {
  if (typeof thrown !== 'object' || thrown === null || !('code' in thrown)) return null;
  return typeof thrown.code === 'string' ? thrown.code : null;
}

/** Words of an error for a message. */
export function reasonOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}

/** Throws when the work was cancelled. */
export function throwIfCancelled(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) throw new LibraryError('cancelled', 'The work was cancelled. Nothing was kept of it.');
}
