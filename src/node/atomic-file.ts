import { randomUUID } from 'node:crypto';
import { mkdir, open, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { success, type Result } from '../protocol/result';
import { nodeFailure, reasonOf, systemCodeOf, type NodeErrorCode } from './errors';

/** Only the owner may look into the node's folder or read its files: they hold its key. */
const PRIVATE_FOLDER_MODE = 0o700;
const PRIVATE_FILE_MODE = 0o600;

/**
 * Writes a private file so that a crash leaves either the old content or the new one, never a half.
 * @returns `data-unwritable` when the disk is full or denies it; the old file is kept.
 */
export async function writePrivateFile(path: string, bytes: Uint8Array): Promise<Result<void, NodeErrorCode>> {
  const temporary = `${path}.${randomUUID()}.new`;
  try {
    await mkdir(dirname(path), { recursive: true, mode: PRIVATE_FOLDER_MODE });
    const file = await open(temporary, 'wx', PRIVATE_FILE_MODE);
    try {
      await file.writeFile(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
    return success(undefined);
  } catch (thrown) {
    await rm(temporary, { force: true }).catch(() => undefined);
    const full = systemCodeOf(thrown) === 'ENOSPC';
    return nodeFailure(
      'data-unwritable',
      full
        ? `The disk is full: ${path} was not written; the old file is kept.`
        : `${path} could not be written: ${reasonOf(thrown)}.`,
      { retryable: full, suggestion: full ? 'Free some disk space.' : 'Check that this folder belongs to you.' },
    );
  }
}

/**
 * Reads a small file of the node; null when there is none.
 * @param limitBytes - larger files are refused, since this room never writes one
 */
export async function readPrivateFile(
  path: string,
  limitBytes: number,
): Promise<Result<Uint8Array | null, NodeErrorCode>> {
  try {
    const { size } = await stat(path);
    if (size > limitBytes) {
      return nodeFailure('data-unreadable', `${path} has ${size} bytes; at most ${limitBytes} are expected.`);
    }
    return success(await readFile(path));
  } catch (thrown) {
    if (systemCodeOf(thrown) === 'ENOENT') return success(null);
    return nodeFailure('data-unreadable', `${path} could not be read: ${reasonOf(thrown)}.`, {
      suggestion: 'Check that the file belongs to you.',
    });
  }
}
