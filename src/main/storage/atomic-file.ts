import { randomBytes } from 'node:crypto';
import { open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { success, type Result } from '../../protocol/result';
import { mainFailure, reasonOf, systemCodeOf, type MainErrorCode } from '../errors';

/** Ending of files that are being written; one that is found at a start is a leftover of a crash. */
export const TEMPORARY_ENDING = '.tmp';

/** Explains a failed write in plain words. `what` is the thing that was to be kept, as "The conversation". */
export function writeFailure(what: string, thrown: unknown) {
  const code = systemCodeOf(thrown);
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return mainFailure('disk-full', `${what} could not be saved: the disk is full.`, {
      retryable: true,
      suggestion: 'Free some space and try again.',
    });
  }
  if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS') {
    return mainFailure('disk-denied', `${what} could not be saved: writing is not permitted there (${code}).`, {
      retryable: true,
      suggestion: 'Check the permissions of the folder that holds the data of this app.',
    });
  }
  return mainFailure('disk-failed', `${what} could not be saved: ${code ?? reasonOf(thrown)}.`, { retryable: true });
}

/** Flushes a folder's list of names, so that a rename survives a power cut. Windows has no such call. */
async function syncFolder(path: string): Promise<void> {
  if (process.platform === 'win32') return;
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/**
 * Replaces a file so that a reader, a crash or a full disk sees either the old content or the new one, never a part.
 *
 * @param what - the thing that is kept, for the message of a failure
 * @param mode - permissions of the file, by default readable by its owner only
 */
export async function writeFileAtomically(
  path: string,
  content: string | Uint8Array,
  what: string,
  mode = 0o600,
): Promise<Result<void, MainErrorCode>> {
  const temporary = `${path}.${randomBytes(6).toString('hex')}${TEMPORARY_ENDING}`;
  try {
    const handle = await open(temporary, 'wx', mode);
    try {
      await handle.writeFile(content, 'utf8');
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, path);
    await syncFolder(dirname(path));
    return success(undefined);
  } catch (thrown) {
    await rm(temporary, { force: true });
    return writeFailure(what, thrown);
  }
}
