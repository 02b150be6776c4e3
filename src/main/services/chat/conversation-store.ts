import type { Conversation } from '../../../protocol/conversation/conversation';
import { mkdir, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { success, type Result } from '../../../protocol/result';
import { mainFailure, reasonOf, systemCodeOf, type MainErrorCode } from '../../errors';
import { TEMPORARY_ENDING, writeFailure, writeFileAtomically } from '../../storage/atomic-file';
import { CONVERSATION_FILE_ENDING, parseConversation } from './conversation-document';

/** A conversation typed here stays far below; larger files would hold up the app's start. */
const MAX_FILE_BYTES = 64_000_000;
/** How long a deleted conversation can still be brought back by hand. */
const DELETED_KEPT_MS = 30 * 24 * 60 * 60 * 1_000;
const DELETED_FOLDER = 'deleted';

export interface UnreadableFile {
  readonly path: string;
  readonly reason: string;
}

/** Conversations as files, one each. */
export interface ConversationStore {
  /** Reads every conversation. Files that cannot be used are left where they are and named. */
  readAll(): Promise<
    Result<
      { readonly documents: readonly Conversation[]; readonly unreadable: readonly UnreadableFile[] },
      MainErrorCode
    >
  >;
  save(document: Conversation): Promise<Result<void, MainErrorCode>>;
  /** Moves the file to the folder of deleted ones. */
  moveToDeleted(id: string): Promise<Result<void, MainErrorCode>>;
  /** Removes what was deleted long ago. */
  purgeDeleted(nowMs: number): Promise<void>;
}

/** Conversations as files in a folder: `<id>.tore5.json`, replaced atomically. */
export class FileConversationStore implements ConversationStore {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  async readAll(): ReturnType<ConversationStore['readAll']> {
    const documents: Conversation[] = [];
    const unreadable: UnreadableFile[] = [];
    let names: string[];
    try {
      await mkdir(join(this.#folder, DELETED_FOLDER), { recursive: true, mode: 0o700 });
      names = (await readdir(this.#folder)).sort();
    } catch (thrown) {
      return mainFailure('disk-failed', `The folder of conversations cannot be opened: ${reasonOf(thrown)}.`, {
        retryable: true,
      });
    }
    for (const name of names) {
      const path = join(this.#folder, name);
      // Left by a crash in the middle of a write; the conversation itself is in its own, older file.
      if (name.endsWith(TEMPORARY_ENDING)) await rm(path, { force: true });
      if (!name.endsWith(CONVERSATION_FILE_ENDING)) continue;
      const read = await readConversationFile(path, name);
      if (read.ok) documents.push(read.document);
      else unreadable.push({ path, reason: read.reason });
    }
    return success({ documents, unreadable });
  }

  save(document: Conversation): Promise<Result<void, MainErrorCode>> {
    const text = `${JSON.stringify(document, null, 2)}\n`;
    return writeFileAtomically(this.#path(document.id), text, 'The conversation');
  }

  async moveToDeleted(id: string): Promise<Result<void, MainErrorCode>> {
    try {
      await rename(this.#path(id), join(this.#folder, DELETED_FOLDER, `${id}${CONVERSATION_FILE_ENDING}`));
      return success(undefined);
    } catch (thrown) {
      // A conversation whose first save failed has no file.
      return systemCodeOf(thrown) === 'ENOENT' ? success(undefined) : writeFailure('The deletion', thrown);
    }
  }

  async purgeDeleted(nowMs: number): Promise<void> {
    const folder = join(this.#folder, DELETED_FOLDER);
    for (const name of await readdir(folder)) {
      const path = join(folder, name);
      // The change of the inode is the move into this folder; the text itself may be much older.
      const { ctimeMs } = await stat(path);
      if (nowMs - ctimeMs > DELETED_KEPT_MS) await rm(path, { force: true });
    }
  }

  #path(id: string): string {
    return join(this.#folder, `${id}${CONVERSATION_FILE_ENDING}`);
  }
}

async function readConversationFile(
  path: string,
  name: string,
): Promise<{ ok: true; document: Conversation } | { ok: false; reason: string }> {
  try {
    const { size } = await stat(path);
    if (size > MAX_FILE_BYTES) return { ok: false, reason: `it is larger than ${MAX_FILE_BYTES / 1_000_000} MB` };
    const parsed = parseConversation(await readFile(path, 'utf8'));
    // The name is the id: two files of one id would overwrite each other, and an id with slashes would leave the folder.
    if (parsed.ok && `${parsed.document.id}${CONVERSATION_FILE_ENDING}` !== name) {
      return { ok: false, reason: 'its name does not match the id inside' };
    }
    return parsed;
  } catch (thrown) {
    return { ok: false, reason: `it cannot be read (${systemCodeOf(thrown) ?? reasonOf(thrown)})` };
  }
}
