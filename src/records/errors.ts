import { failure, type Failure, type Result } from '../protocol/result';

/** Everything that can go wrong with the records and is not a bug. */
export type RecordsErrorCode = 'records-unwritable' | 'records-newer' | 'records-corrupt' | 'records-failed';

export type RecordsResult<Value> = Result<Value, RecordsErrorCode>;

/** Carries an expected failure through the query builder; it never leaves the room. */
export class RecordsError extends Error {
  override readonly name = 'RecordsError';
  readonly failure: Failure<RecordsErrorCode>;

  constructor(code: RecordsErrorCode, message: string, suggestion: string, cause?: unknown) {
    super(message, { cause });
    this.failure = failure<RecordsErrorCode>(code, message, { retryable: code === 'records-failed', suggestion }).error;
  }
}

/** Primary result codes of SQLite, from its documentation (sqlite.org/rescode.html). */
const SQLITE = { busy: 5, locked: 6, readOnly: 8, ioError: 10, corrupt: 11, full: 13, cannotOpen: 14, notDatabase: 26 };

function primaryCodeOf(thrown: unknown): number | null {
  if (typeof thrown !== 'object' || thrown === null || !('errcode' in thrown)) return null;
  return typeof thrown.errcode === 'number' ? thrown.errcode & 0xff : null;
}

/** The failure behind an error of SQLite, or null when it is a bug of ours. */
export function recordsErrorOf(thrown: unknown): RecordsError | null {
  if (thrown instanceof RecordsError) return thrown;
  switch (primaryCodeOf(thrown)) {
    case SQLITE.full:
      return new RecordsError(
        'records-failed',
        'The disk is full. Statistics and the event log keep what was written before.',
        'Free some space.',
        thrown,
      );
    case SQLITE.busy:
    case SQLITE.locked:
    case SQLITE.readOnly:
    case SQLITE.ioError:
    case SQLITE.cannotOpen:
      return new RecordsError(
        'records-failed',
        'The file of statistics and the event log could not be used.',
        'Check that its folder may be written and that no other program holds it.',
        thrown,
      );
    case SQLITE.corrupt:
    case SQLITE.notDatabase:
      return new RecordsError(
        'records-corrupt',
        'The file of statistics and the event log is damaged.',
        'Start the app again: the file is set aside and a new one begun.',
        thrown,
      );
    default:
      return null;
  }
}

/** Runs a piece of work and turns its expected failure into a value. */
export async function asResult<Value>(work: () => Promise<Value>): Promise<RecordsResult<Value>> {
  try {
    return { ok: true, value: await work() };
  } catch (thrown) {
    const known = recordsErrorOf(thrown);
    if (known === null) throw thrown;
    return { ok: false, error: known.failure };
  }
}
