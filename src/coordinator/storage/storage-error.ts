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

const FULL_DISK = [
  'storage-full',
  'The disk that holds the database is full. Nothing of this change was kept, everything before it was.',
  'Free some space; the coordinator goes on by itself.',
] as const;
const BUSY = [
  'storage-busy',
  'Another program holds the database. Nothing of this change was kept.',
  'Close the other program, or try again in a moment.',
] as const;
const FAILED = [
  'storage-failed',
  'The database could not be written. Nothing of this change was kept.',
  'Check that the disk is there and that its folder may be written.',
] as const;
const UNREACHABLE = [
  'storage-failed',
  'The database server cannot be reached. Nothing of this change was kept.',
  'Check that PostgreSQL runs and can be reached; the coordinator goes on by itself.',
] as const;
const REFUSED = [
  'storage-failed',
  'The database server refuses the connection. Nothing of this change was kept.',
  'Check the user, the password, the name of the database and its permissions.',
] as const;
const CORRUPT = [
  'database-corrupt',
  'The database file is damaged or is not a database.',
  'Restore it from a copy, or start with another file.',
] as const;

type Reason = readonly [CoordinatorErrorCode, string, string];

function sqliteReason(thrown: unknown): Reason | null {
  switch (primaryCodeOf(thrown)) {
    case SQLITE.full:
      return FULL_DISK;
    case SQLITE.busy:
    case SQLITE.locked:
      return BUSY;
    case SQLITE.readOnly:
    case SQLITE.ioError:
    case SQLITE.cannotOpen:
      return FAILED;
    case SQLITE.corrupt:
    case SQLITE.notDatabase:
      return CORRUPT;
    default:
      return null;
  }
}

/** SQLSTATE codes and classes (PostgreSQL manual, appendix A), and what the socket below says. First match counts. */
const POSTGRES_REASONS: readonly (readonly [RegExp, Reason])[] = [
  [/^53100$/, FULL_DISK],
  [/^(?:53...|55P03|57014|40001|40P01|25P03)$/, BUSY],
  [/^(?:28...|3D000|42501)$/, REFUSED],
  [/^(?:08...|57P..)$/, UNREACHABLE],
  [/^(?:58...|25006)$/, FAILED],
  [/^XX00[12]$/, CORRUPT],
  [/^(?:ECONNREFUSED|ECONNRESET|EPIPE|ETIMEDOUT|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|ENOENT)$/, UNREACHABLE],
];
/** The driver's own words for a connection that broke or did not come about; they carry no code. */
const POSTGRES_BROKEN = /^(?:Connection terminated|timeout exceeded when trying to connect|Client has encountered)/;

function postgresReason(thrown: unknown): Reason | null {
  if (!(thrown instanceof Error) || 'errcode' in thrown) return null;
  const code = 'code' in thrown && typeof thrown.code === 'string' ? thrown.code : '';
  const known = POSTGRES_REASONS.find(([pattern]) => pattern.test(code));
  if (known !== undefined) return known[1];
  return POSTGRES_BROKEN.test(thrown.message) ? UNREACHABLE : null;
}

/** The failure behind an error of a database, or null when it is a bug of ours (a broken constraint, wrong SQL). */
export function storageErrorOf(thrown: unknown): StorageError | null {
  if (thrown instanceof StorageError) return thrown;
  const reason = sqliteReason(thrown) ?? postgresReason(thrown);
  return reason === null ? null : new StorageError(...reason, thrown);
}
