import type { CoordinatorErrorCode, CoordinatorFailure } from '../errors';

/**
 * A write or read the database could not do. It is thrown, not returned, because it has to unwind a transaction from
 * any depth; the borders (HTTP error handler, connection calls, settlement, maintenance) turn it into a failure.
 * When it arrives there, the transaction has been rolled back: nothing is half-written.
 */
export class StorageError extends Error {
  override readonly name = 'StorageError';
  readonly failure: CoordinatorFailure;

  constructor(code: CoordinatorErrorCode, message: string, suggestion: string, cause: unknown) {
    super(message, { cause });
    this.failure = { code, message, retryable: true, suggestion };
  }
}

/** Primary result codes of SQLite, from its documentation (sqlite.org/rescode.html). */
const SQLITE = { busy: 5, locked: 6, readOnly: 8, ioError: 10, corrupt: 11, full: 13, cannotOpen: 14, notDatabase: 26 };

function primaryCodeOf(thrown: unknown): number | null {
  if (typeof thrown !== 'object' || thrown === null || !('errcode' in thrown)) return null;
  const { errcode } = thrown;
  return typeof errcode === 'number' ? errcode & 0xff : null;
}

/** The failure behind an error of SQLite, or null when it is a bug of ours (a broken constraint, wrong SQL). */
export function storageErrorOf(thrown: unknown): StorageError | null {
  if (thrown instanceof StorageError) return thrown;
  switch (primaryCodeOf(thrown)) {
    case SQLITE.full:
      return new StorageError(
        'storage-full',
        'The disk that holds the database is full. Nothing of this change was kept, everything before it was.',
        'Free some space; the coordinator goes on by itself.',
        thrown,
      );
    case SQLITE.busy:
    case SQLITE.locked:
      return new StorageError(
        'storage-busy',
        'Another program holds the database. Nothing of this change was kept.',
        'Close the other program, or try again in a moment.',
        thrown,
      );
    case SQLITE.readOnly:
    case SQLITE.ioError:
    case SQLITE.cannotOpen:
      return new StorageError(
        'storage-failed',
        'The database could not be written. Nothing of this change was kept.',
        'Check that the disk is there and that its folder may be written.',
        thrown,
      );
    case SQLITE.corrupt:
    case SQLITE.notDatabase:
      return new StorageError(
        'database-corrupt',
        'The database file is damaged or is not a database.',
        'Restore it from a copy, or start with another file.',
        thrown,
      );
    default:
      return null;
  }
}
