import { mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { LibraryAccess } from '../../../library/service/library-access';
import { reasonOf, systemCodeOf } from '../../errors';
import { TEMPORARY_ENDING } from '../../storage/atomic-file';

const FILE_ENDING = '.tore5.json';
const MOVED_FOLDER = 'moved-to-library';
const DELETED_FOLDER = 'deleted';
/** How long a conversation deleted by an earlier version can still be brought back by hand. */
const DELETED_KEPT_MS = 30 * 24 * 60 * 60 * 1_000;

/** What became of the files of an earlier version. */
export interface MovedFiles {
  readonly moved: number;
  /** Files that could not be taken; they stay where they are. */
  readonly left: readonly { readonly path: string; readonly reason: string }[];
}

async function namesIn(folder: string): Promise<readonly string[]> {
  try {
    return (await readdir(folder)).sort();
  } catch (thrown) {
    if (systemCodeOf(thrown) === 'ENOENT') return [];
    throw thrown;
  }
}

/**
 * Takes the conversations that an earlier version kept as files into the library, each once: a file moves aside only after
 * the library has it for certain, so a crash in between costs nothing. The files themselves are kept as a copy.
 *
 * @param folder - with `<id>.tore5.json` for each conversation; may be missing.
 */
export async function moveConversationFiles(
  folder: string,
  library: LibraryAccess,
  nowMs: number,
): Promise<MovedFiles> {
  let moved = 0;
  const left: { path: string; reason: string }[] = [];
  for (const name of await namesIn(folder)) {
    const path = join(folder, name);
    // Left by a crash in the middle of a write; the conversation itself is in its own, older file.
    if (name.endsWith(TEMPORARY_ENDING)) await rm(path, { force: true });
    if (!name.endsWith(FILE_ENDING)) continue;
    const reason = await takeFile(path, name.slice(0, -FILE_ENDING.length), library);
    if (reason !== null) {
      left.push({ path, reason });
      continue;
    }
    await mkdir(join(folder, MOVED_FOLDER), { recursive: true, mode: 0o700 });
    await rename(path, join(folder, MOVED_FOLDER, name));
    moved += 1;
  }
  await purgeDeleted(join(folder, DELETED_FOLDER), nowMs);
  return { moved, left };
}

/** Null when the library has the conversation, else why not, as a clause. */
async function takeFile(path: string, id: string, library: LibraryAccess): Promise<string | null> {
  try {
    const taken = await library.call('import', { path });
    if (!taken.ok) return taken.error.message;
    const { failed, imported, updated, alreadyThere } = taken.value;
    if (failed[0] !== undefined) return failed[0].why;
    if (imported + updated + alreadyThere === 0) return 'it holds no conversation';
    const marked = await library.call('markInChat', { ids: [id] });
    return marked.ok ? null : marked.error.message;
  } catch (thrown) {
    return reasonOf(thrown);
  }
}

async function purgeDeleted(folder: string, nowMs: number): Promise<void> {
  for (const name of await namesIn(folder)) {
    const path = join(folder, name);
    // The change of the inode is the move into this folder; the text itself may be much older.
    const { ctimeMs } = await stat(path);
    if (nowMs - ctimeMs > DELETED_KEPT_MS) await rm(path, { force: true });
  }
}
