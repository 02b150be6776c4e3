import { LibraryError } from './errors';

/** Primary result codes of SQLite, from its documentation (sqlite.org/rescode.html). */
const SQLITE = { busy: 5, locked: 6, readOnly: 8, ioError: 10, corrupt: 11, full: 13, cannotOpen: 14, notDatabase: 26 };

function primaryCodeOf(thrown: unknown): number | null {
  if (typeof thrown !== 'object' || thrown === null || !('errcode' in thrown)) return null;
  const { errcode } = thrown;
  return typeof errcode === 'number' ? errcode & 0xff : null;
}

/** The failure behind an error of SQLite, or null when it is a bug of ours (a broken constraint, wrong SQL). */
export function storageErrorOf(thrown: unknown): LibraryError | null {
  if (thrown instanceof LibraryError) return thrown;
  switch (primaryCodeOf(thrown)) {
    case SQLITE.full:
      return new LibraryError(
        'storage-full',
        'The disk that holds the library is full. Nothing of this change was kept, everything before it was.',
        { retryable: true, suggestion: 'Free some space and try again.', cause: thrown },
      );
    case SQLITE.busy:
    case SQLITE.locked:
      return new LibraryError('storage-busy', 'Another program holds the library. Nothing of this change was kept.', {
        retryable: true,
        suggestion: 'Close the other program, or try again in a moment.',
        cause: thrown,
      });
    case SQLITE.readOnly:
    case SQLITE.ioError:
    case SQLITE.cannotOpen:
      return new LibraryError('storage-failed', 'The library could not be written. Nothing of this change was kept.', {
        retryable: true,
        suggestion: 'Check that the disk is there and that its folder may be written.',
        cause: thrown,
      });
    case SQLITE.corrupt:
    case SQLITE.notDatabase:
      return new LibraryError('library-corrupt', 'The library file is damaged or is not a library.', {
        suggestion: 'Restore it from a copy, or start with another folder.',
        cause: thrown,
      });
    default:
      return null;
  }
}
