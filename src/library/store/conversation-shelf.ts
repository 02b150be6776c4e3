import { sql, type SelectQueryBuilder } from 'kysely';
import type { Conversation } from '../../protocol/conversation/conversation';
import { missingAttachmentIds, withAttachments } from '../../protocol/project/split-project';
import {
  deleteConversationRows,
  insertConversation,
  NEW_ROW,
  prepareConversation,
  readConversationRow,
  updateConversation,
  type Connection,
} from './conversation-rows';
import type { Database, LibraryTables } from './database-schema';
import { readDocumentRow } from './document-rows';
import { asResult, LibraryError, type LibraryResult } from './errors';
import { instantOf } from './instant-of';
import { endOf, mergeConversations } from './merge-conversation';
import { searchableText, wellFormed } from './search-text';

/** What lists show of a conversation. */
export interface ConversationSummary {
  readonly id: string;
  readonly title: string;
  readonly platform: string;
  readonly createdAt: string;
  readonly updatedAt: string;
  readonly messageCount: number;
  readonly sizeBytes: number;
  readonly folderId: number | null;
  readonly tags: readonly string[];
  /** When it was deleted; null for what is in the library. */
  readonly deletedAt: string | null;
}

export interface ListOptions {
  /** Only this folder; `null` only what is in none. Absent: everything. */
  readonly folderId?: number | null;
  readonly tag?: string;
  readonly platform?: string;
  /** Only these. */
  readonly ids?: readonly string[];
  /** Only those begun or continued in Chat. */
  readonly inChat?: boolean;
  /** Only what this import brought or changed. */
  readonly importId?: number;
  /** The bin instead of the library. */
  readonly deleted?: boolean;
  /** Absent: by the last change, the newest first. */
  readonly order?: 'updated' | 'created' | 'title';
  readonly limit: number;
  readonly offset?: number;
}

/** A conversation and the number of its state. */
export interface EditedConversation {
  readonly conversation: Conversation;
  readonly revision: number;
}

export interface SaveOptions {
  /** State the conversation was read in; absent: whatever is there is replaced. */
  readonly baseRevision?: number;
  /** Makes Chat list it from now on. */
  readonly isInChat?: boolean;
}

export interface SavedConversation {
  readonly revision: number;
  /** What was saved, when it had to be joined with a change made meanwhile. */
  readonly joined: Conversation | null;
}

export interface PlatformCount {
  readonly platform: string;
  readonly conversationCount: number;
}

export interface ConversationPage {
  readonly conversations: readonly ConversationSummary[];
  readonly total: number;
}

/** Most rows of one page; a screen shows some dozens. */
const MAX_PAGE = 1_000;
/** Ids of one statement. */
const IDS_AT_ONCE = 500;

/** The state edited elsewhere with the one here: every message of both, the title of here, the end of the edited one. */
function joinStates(current: Conversation, edited: Conversation): Conversation {
  const joined = mergeConversations(current, edited);
  const head = endOf(edited);
  return { ...joined, title: current.title, ...(head === undefined ? {} : { head }) };
}

function notFound(): LibraryError {
  return new LibraryError('not-found', 'This conversation is not in the library any more.');
}

/** The conversations of a library. */
export class ConversationShelf {
  readonly #database: Database;
  readonly #now: () => Date;
  readonly #onSaved: () => Promise<void>;

  /** @param onSaved - called after each `save` */
  constructor(database: Database, now: () => Date, onSaved: () => Promise<void>) {
    this.#database = database;
    this.#now = now;
    this.#onSaved = onSaved;
  }

  /** One page of a list. */
  list(options: ListOptions): Promise<LibraryResult<ConversationPage>> {
    return asResult(async () => {
      const matching = this.#matching(options);
      const { total } = await matching.select((row) => row.fn.countAll<number>().as('total')).executeTakeFirstOrThrow();
      const order = options.order ?? 'updated';
      const ordered =
        order === 'title'
          ? matching.orderBy(sql`title collate nocase`).orderBy('key')
          : matching
              .orderBy(instantOf(order === 'created' ? 'created_at' : 'updated_at'), 'desc')
              .orderBy('key', 'desc');
      const rows = await ordered
        .select(['key', 'id', 'title', 'platform', 'created_at', 'updated_at'])
        .select(['message_count', 'json_bytes', 'folder_id', 'deleted_at'])
        .limit(Math.min(options.limit, MAX_PAGE))
        .offset(options.offset ?? 0)
        .execute();
      const tags = await this.#tagsOf(rows.map(({ key }) => key));
      return {
        total,
        conversations: rows.map((row) => ({
          id: row.id,
          title: row.title,
          platform: row.platform,
          createdAt: row.created_at,
          updatedAt: row.updated_at,
          messageCount: row.message_count,
          sizeBytes: row.json_bytes,
          folderId: row.folder_id,
          tags: tags.get(row.key) ?? [],
          deletedAt: row.deleted_at,
        })),
      };
    });
  }

  #matching(options: ListOptions): SelectQueryBuilder<LibraryTables, 'conversations', object> {
    let query = this.#database.selectFrom('conversations').where('state', '=', sql.lit('live'));
    query = query.where('deleted_at', options.deleted === true ? 'is not' : 'is', null);
    const { folderId, tag, platform } = options;
    if (folderId !== undefined) {
      query = folderId === null ? query.where('folder_id', 'is', null) : query.where('folder_id', '=', folderId);
    }
    if (platform !== undefined) query = query.where('platform', '=', platform);
    if (options.importId !== undefined) query = query.where('import_id', '=', options.importId);
    if (options.ids !== undefined) query = query.where('id', 'in', options.ids.map(wellFormed));
    if (options.inChat === true) query = query.where('in_chat', '=', sql.lit(1));
    if (tag !== undefined) {
      query = query.where('key', 'in', (row) =>
        row
          .selectFrom('conversation_tags')
          .innerJoin('tags', 'tags.id', 'tag_id')
          .select('conversation_key')
          .where('tags.name', '=', tag),
      );
    }
    return query;
  }

  async #tagsOf(keys: readonly number[]): Promise<ReadonlyMap<number, readonly string[]>> {
    const tags = new Map<number, string[]>();
    if (keys.length === 0) return tags;
    const rows = await this.#database
      .selectFrom('conversation_tags')
      .innerJoin('tags', 'tags.id', 'tag_id')
      .select(['conversation_key', 'name'])
      .where('conversation_key', 'in', keys)
      .orderBy('name')
      .execute();
    for (const { conversation_key: key, name } of rows) {
      const known = tags.get(key);
      if (known === undefined) tags.set(key, [name]);
      else known.push(name);
    }
    return tags;
  }

  /**
   * A conversation as a document. Inline attachments come detached: `data` is empty, and the bytes are read from the
   * library's files by the checksum.
   */
  get(id: string): Promise<LibraryResult<Conversation>> {
    return asResult(async () => {
      const conversation = await readConversationRow(this.#database, await keyOf(this.#database, id));
      if (conversation === null) throw notFound();
      return conversation;
    });
  }

  /**
   * A conversation as it stands alone: as `get` gives it, with those files of the projects around it that its parts point to
   * and whose bytes are here.
   */
  getStandalone(id: string): Promise<LibraryResult<Conversation>> {
    return asResult(async () => {
      let conversation = await readConversationRow(this.#database, await keyOf(this.#database, id));
      if (conversation === null) throw notFound();
      if (missingAttachmentIds(conversation).size === 0) return conversation;
      const projects = await this.#database
        .selectFrom('project_conversations')
        .innerJoin('documents', 'documents.key', 'document_key')
        .select('documents.key')
        .distinct()
        .where('conversation_id', '=', wellFormed(id))
        .where('state', '=', sql.lit('live'))
        .where('deleted_at', 'is', null)
        .orderBy('documents.key')
        .execute();
      for (const { key } of projects) {
        const project = (await readDocumentRow(this.#database, key))?.document;
        if (project?.kind !== 'project') continue;
        const here = project.document.attachments.filter(({ storage }) => storage === 'inline');
        conversation = withAttachments(conversation, here);
      }
      return conversation;
    });
  }

  /** A conversation with the number of its state, for `save` to notice a change in between. */
  getForEditing(id: string): Promise<LibraryResult<EditedConversation>> {
    return asResult(async () => this.#forEditing(await keyOf(this.#database, id)));
  }

  /** The revision is read first, so that a change between the two is noticed when it is written over. */
  async #forEditing(key: number): Promise<EditedConversation> {
    const row = await this.#database
      .selectFrom('conversations')
      .select('revision')
      .where('key', '=', key)
      .executeTakeFirst();
    const conversation = await readConversationRow(this.#database, key);
    if (row === undefined || conversation === null) throw notFound();
    return { conversation, revision: row.revision };
  }

  /**
   * Puts a conversation into the library or in the place of its older state, with its folder and tags. When it was changed
   * here since `baseRevision`, both states are joined: nothing said in either is lost, and a title given here stays.
   */
  save(conversation: Conversation, options: SaveOptions = {}): Promise<LibraryResult<SavedConversation>> {
    return asResult(async () => {
      for (;;) {
        const saved = await this.#saveOver(conversation, options);
        if (saved === null) continue;
        await this.#onSaved();
        return saved;
      }
    });
  }

  /** Null when the row changed while the document was packed. */
  async #saveOver(conversation: Conversation, options: SaveOptions): Promise<SavedConversation | null> {
    const { isInChat = false, baseRevision } = options;
    const before = await this.#database
      .selectFrom('conversations')
      .select(['key', 'revision', 'title_edited', 'title', 'in_chat'])
      .where('id', '=', wellFormed(conversation.id))
      .where('state', '=', sql.lit('live'))
      .executeTakeFirst();
    if (before === undefined) {
      const prepared = await prepareConversation(conversation);
      await this.#database
        .transaction()
        .execute((transaction) => insertConversation(transaction, prepared, { ...NEW_ROW, isInChat }));
      return { revision: NEW_ROW.revision, joined: null };
    }
    const isStale = baseRevision !== undefined && baseRevision !== before.revision;
    const current = isStale ? await readConversationRow(this.#database, before.key) : null;
    const joined = current === null ? null : joinStates(current, conversation);
    const prepared = await prepareConversation(joined ?? conversation);
    const isWritten = await this.#writeOver(before, (transaction) =>
      updateConversation(transaction, before.key, prepared, {
        isTitleEdited: before.title_edited === 1 || before.title !== wellFormed(prepared.conversation.title),
        isInChat: isInChat || before.in_chat === 1,
      }),
    );
    return isWritten ? { revision: before.revision + 1, joined } : null;
  }

  /** Writes unless the row changed since it was read; tells whether it did. */
  #writeOver(
    read: { readonly key: number; readonly revision: number },
    write: (transaction: Connection) => Promise<void>,
  ): Promise<boolean> {
    return this.#database.transaction().execute(async (transaction) => {
      const now = await transaction
        .selectFrom('conversations')
        .select('revision')
        .where('key', '=', read.key)
        .executeTakeFirst();
      if (now?.revision !== read.revision) return false;
      await write(transaction);
      return true;
    });
  }

  /** Makes Chat list conversations. */
  markInChat(ids: readonly string[]): Promise<LibraryResult<void>> {
    return asResult(async () => {
      await this.#database
        .updateTable('conversations')
        .set({ in_chat: 1 })
        .where('state', '=', sql.lit('live'))
        .where('id', 'in', ids.map(wellFormed))
        .execute();
    });
  }

  /** The products conversations come from, with how many each has. */
  platforms(): Promise<LibraryResult<readonly PlatformCount[]>> {
    return asResult(() =>
      this.#database
        .selectFrom('conversations')
        .select((row) => ['platform', row.fn.countAll<number>().as('conversationCount')])
        .where('state', '=', sql.lit('live'))
        .where('deleted_at', 'is', null)
        .groupBy('platform')
        .orderBy('platform')
        .execute(),
    );
  }

  /** Changes the title; later imports keep it. */
  rename(id: string, title: string): Promise<LibraryResult<void>> {
    return asResult(async () => {
      while (!(await this.#renameOver(id, title)));
    });
  }

  /** False when the row changed while the document was packed. */
  async #renameOver(id: string, title: string): Promise<boolean> {
    const key = await keyOf(this.#database, id);
    const { conversation, revision } = await this.#forEditing(key);
    const prepared = await prepareConversation({ ...conversation, title });
    const shown = wellFormed(title);
    return this.#writeOver({ key, revision }, async (transaction) => {
      await transaction
        .updateTable('conversations')
        .set((row) => ({
          title: shown,
          title_edited: 1,
          json_bytes: prepared.blob.jsonBytes,
          content_hash: prepared.contentHash,
          revision: row('revision', '+', 1),
        }))
        .where('key', '=', key)
        .execute();
      await transaction
        .updateTable('conversation_documents')
        .set({ document: prepared.blob.bytes })
        .where('conversation_key', '=', key)
        .execute();
      await sql`delete from titles_fts where rowid = ${key}`.execute(transaction);
      await sql`insert into titles_fts (rowid, title) values (${key}, ${searchableText(shown)})`.execute(transaction);
    });
  }

  /** Moves conversations to the bin; `restore` takes them back. Returns how many were moved. */
  delete(ids: readonly string[]): Promise<LibraryResult<number>> {
    return asResult(() => this.#mark(ids, this.#now().toISOString()));
  }

  /** Takes conversations back from the bin, with their folders and tags. */
  restore(ids: readonly string[]): Promise<LibraryResult<number>> {
    return asResult(() => this.#mark(ids, null));
  }

  async #mark(ids: readonly string[], deletedAt: string | null): Promise<number> {
    return this.#database.transaction().execute(async (transaction) => {
      let changed = 0;
      for (let from = 0; from < ids.length; from += IDS_AT_ONCE) {
        const result = await transaction
          .updateTable('conversations')
          .set({ deleted_at: deletedAt })
          .where('state', '=', sql.lit('live'))
          .where('id', 'in', ids.slice(from, from + IDS_AT_ONCE).map(wellFormed))
          .where('deleted_at', deletedAt === null ? 'is not' : 'is', null)
          .executeTakeFirst();
        changed += Number(result.numUpdatedRows);
      }
      return changed;
    });
  }

  /** Puts conversations into a folder, or into none. */
  move(ids: readonly string[], folderId: number | null): Promise<LibraryResult<void>> {
    return asResult(async () => {
      await this.#database.transaction().execute(async (transaction) => {
        if (folderId !== null) await requireFolder(transaction, folderId);
        for (let from = 0; from < ids.length; from += IDS_AT_ONCE) {
          await transaction
            .updateTable('conversations')
            .set({ folder_id: folderId })
            .where('state', '=', sql.lit('live'))
            .where('id', 'in', ids.slice(from, from + IDS_AT_ONCE).map(wellFormed))
            .execute();
        }
      });
    });
  }

  /**
   * Removes for good what was deleted before a time, or of that only the ids named. Files nobody needs any more go with
   * `Library.cleanUp`.
   */
  purge(deletedBefore: Date, ids?: readonly string[]): Promise<LibraryResult<number>> {
    return asResult(async () => {
      const named = ids === undefined ? null : new Set(ids.map(wellFormed));
      const found = await this.#database
        .selectFrom('conversations')
        .select(['key', 'id'])
        .where('deleted_at', '<=', deletedBefore.toISOString())
        .execute();
      const rows = found.filter(({ id }) => named?.has(id) ?? true);
      const keys = rows.map(({ key }) => key);
      await this.#database.transaction().execute((transaction) => deleteConversationRows(transaction, keys));
      return keys.length;
    });
  }
}

/** Key of a conversation that is seen. */
export async function keyOf(connection: Connection, id: string): Promise<number> {
  const row = await connection
    .selectFrom('conversations')
    .select('key')
    .where('id', '=', wellFormed(id))
    .where('state', '=', sql.lit('live'))
    .executeTakeFirst();
  if (row === undefined) throw notFound();
  return row.key;
}

/** Fails with `not-found` when there is no such folder. */
export async function requireFolder(connection: Connection, folderId: number): Promise<void> {
  const row = await connection.selectFrom('folders').select('id').where('id', '=', folderId).executeTakeFirst();
  if (row === undefined) throw new LibraryError('not-found', 'This folder is not there any more.');
}
