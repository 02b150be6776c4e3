import { sql } from 'kysely';
import type { Conversation } from '../../protocol/conversation/conversation';
import { DOCUMENT_LIMITS } from '../../protocol/documents/limits';
import { fitsProject } from '../../protocol/project/merge-project';
import { isDocumentReference } from '../../protocol/project/project';
import { comparableJson } from '../../protocol/signing/canonical-json';
import type { AddOutcome } from '../import/import-report';
import type { ImportSink, OtherDocument, StoredFile } from '../import/import-sink';
import type { Database } from './database-schema';
import {
  deleteConversationRows,
  insertConversation,
  insertConversations,
  originalIdOf,
  prepareConversation,
  readConversationRow,
  type Connection,
  type PlacedRow,
  type PreparedConversation,
  type RowPlace,
} from './conversation-rows';
import {
  deleteDocumentRows,
  entriesOf,
  insertDocument,
  readDocumentRow,
  type KeptDocument,
  type ProjectEntry,
} from './document-rows';
import type { FileStore } from './file-store';
import { conflictingIds, repointed } from './merge-attachments';
import { mergeConversations } from './merge-conversation';
import { mergeDocuments } from './merge-document';
import { wellFormed } from './search-text';
import { conversationHash, documentHash } from './stored-document';
import { undoImport } from './undo-import';

/** Bytes of JSON written in one transaction: a tenth of a second, so that other work gets its turn. */
const BATCH_BYTES = 2_097_152;
const BATCH_CONVERSATIONS = 200;

/** Documents remembered of an import, enough to show what a file held that somebody opened. */
const MAX_TOUCHED = 10;

/** A document of a file that was imported. */
export interface TouchedDocument {
  readonly kind: 'conversation' | OtherDocument['kind'];
  readonly id: string;
}

interface Found {
  readonly key: number;
  readonly id: string;
  readonly content_hash: string;
  readonly revision: number;
  readonly state: 'staged' | 'live';
  readonly deleted_at: string | null;
  readonly title_edited: number;
  readonly folder_id: number | null;
  readonly replaces_key: number | null;
  readonly replaces_revision: number | null;
}

/**
 * One import into the library. What it adds is written in small transactions and stays staged, seen by nobody, until
 * `commit` makes all of it visible in one. `undo`, or the next start after a crash, removes it without a trace. The files
 * that nothing needs then are left for `removeUnusedFiles`.
 */
export class ImportSession implements ImportSink {
  readonly #database: Database;
  readonly #files: FileStore;
  readonly #id: number;
  readonly #waiting: PlacedRow[] = [];
  readonly #waitingIds = new Set<string>();
  readonly #newFiles = new Map<string, number>();
  readonly #restored = new Set<number>();
  readonly #touched: TouchedDocument[] = [];
  #waitingBytes = 0;
  #imported = 0;
  #updated = 0;

  private constructor(database: Database, files: FileStore, id: number) {
    this.#database = database;
    this.#files = files;
    this.#id = id;
  }

  get id(): number {
    return this.#id;
  }

  /** The first documents of the file, new here or not. */
  get touched(): readonly TouchedDocument[] {
    return this.#touched;
  }

  #touch(kind: TouchedDocument['kind'], id: string): void {
    if (this.#touched.length < MAX_TOUCHED) this.#touched.push({ kind, id });
  }

  static async begin(database: Database, files: FileStore, name: string, now: string): Promise<ImportSession> {
    // Staged rows may be lost with the power; what makes them visible at the end is written through to the disk.
    await sql`pragma synchronous = normal`.execute(database);
    const { id } = await database
      .insertInto('imports')
      .values({ name: wellFormed(name), state: 'running', started_at: now, finished_at: null, imported: 0, updated: 0 })
      .returning('id')
      .executeTakeFirstOrThrow();
    return new ImportSession(database, files, id);
  }

  async addFile(content: AsyncIterable<Uint8Array>): Promise<StoredFile> {
    const stored = await this.#files.write(content);
    this.#newFiles.set(stored.sha256, stored.sizeBytes);
    return stored;
  }

  async addConversation(conversation: Conversation): Promise<AddOutcome> {
    const { outcome, id } = await this.#add(conversation);
    this.#touch('conversation', id);
    if (outcome === 'imported') this.#imported += 1;
    if (outcome === 'updated') this.#updated += 1;
    return outcome;
  }

  async addDocument(document: OtherDocument): Promise<AddOutcome> {
    this.#touch(document.kind, document.document.id);
    const known = await this.#findDocument(document);
    const isStored = known?.content_hash === documentHash(document.document);
    const existing = known === undefined || isStored ? null : await readDocumentRow(this.#database, known.key);
    const { entries, hasNew } = await this.#addConversations(document, existing);
    const given = { document, entries };
    const kept = existing === null ? given : mergeDocuments(existing, given);
    if (existing !== null && !fitsDocument(kept)) return 'too-large';
    const isSame = isStored || (existing !== null && comparableJson(kept) === comparableJson(existing));
    if (known?.deleted_at === null && isSame) {
      if (hasNew) this.#updated += 1;
      return hasNew ? 'updated' : 'already-there';
    }
    await this.flush();
    await this.#stageDocument(
      kept,
      known?.state === 'staged' ? known.key : null,
      known?.state === 'staged' ? known.replaces_key : (known?.key ?? null),
    );
    const outcome = known === undefined || known.deleted_at !== null ? 'imported' : 'updated';
    if (outcome === 'imported') this.#imported += 1;
    else this.#updated += 1;
    return outcome;
  }

  /** The document as this import has staged it, else as the library has it. */
  #findDocument(document: OtherDocument) {
    return this.#database
      .selectFrom('documents')
      .select(['key', 'content_hash', 'deleted_at', 'state', 'replaces_key'])
      .where('kind', '=', document.kind)
      .where('id', '=', wellFormed(document.document.id))
      .where((row) => row.or([row('state', '=', sql.lit('live')), row('import_id', '=', this.#id)]))
      .orderBy('state', 'desc')
      .executeTakeFirst();
  }

  async #stageDocument(kept: KeptDocument, stagedKey: number | null, replacesKey: number | null): Promise<void> {
    await this.#database.transaction().execute(async (transaction) => {
      if (stagedKey !== null) await deleteDocumentRows(transaction, [stagedKey]);
      await insertDocument(transaction, kept, { state: 'staged', importId: this.#id, replacesKey });
    });
  }

  /**
   * Takes the conversations of a project, whatever the library knows of the project: they may have been deleted or changed
   * here. Those that point to a file of the project follow it where it gets another id.
   */
  async #addConversations(
    document: OtherDocument,
    existing: KeptDocument | null,
  ): Promise<{ readonly entries: readonly ProjectEntry[]; readonly hasNew: boolean }> {
    if (document.kind !== 'project') return { entries: [], hasNew: false };
    const project = document.document;
    const kept = existing?.document.kind === 'project' ? existing.document.document.attachments : [];
    const newIds = conflictingIds(kept, project.attachments);
    const idsHere = new Map<string, string>();
    let hasNew = false;
    for (const entry of project.conversations) {
      if (isDocumentReference(entry)) continue;
      const own = new Set(entry.attachments?.map(({ id }) => id));
      const { outcome, id } = await this.#add(
        repointed(entry, new Map([...newIds].filter(([from]) => !own.has(from)))),
      );
      idsHere.set(entry.id, id);
      hasNew ||= outcome === 'imported' || outcome === 'updated';
    }
    return { entries: entriesOf(project, ({ id }) => idsHere.get(id) ?? id), hasNew };
  }

  async #add(conversation: Conversation): Promise<{ readonly outcome: AddOutcome; readonly id: string }> {
    const keys = identitiesOf(conversation);
    // The same conversation twice in one export: the first one has to be in the database to be found.
    if (keys.some((key) => this.#waitingIds.has(key))) await this.flush();
    const found = await this.#find(conversation);
    if (found === null) {
      await this.#stage(await prepareConversation(conversation), this.#newPlace(null));
      return { outcome: 'imported', id: conversation.id };
    }
    if (found.content_hash === conversationHash({ ...conversation, id: found.id })) return this.#same(found);
    return this.#update(found, conversation);
  }

  #same(found: Found): { readonly outcome: AddOutcome; readonly id: string } {
    if (found.deleted_at === null || this.#restored.has(found.key)) return { outcome: 'already-there', id: found.id };
    this.#restored.add(found.key);
    return { outcome: 'imported', id: found.id };
  }

  async #update(
    found: Found,
    conversation: Conversation,
  ): Promise<{ readonly outcome: AddOutcome; readonly id: string }> {
    const existing = await readRequired(this.#database, found.key);
    const joined = mergeConversations(existing, conversation);
    const merged = found.title_edited === 1 ? { ...joined, title: existing.title } : joined;
    if (conversationHash(merged) === found.content_hash) return this.#same(found);
    const prepared = await prepareConversation(merged);
    if (!fitsConversation(prepared)) return { outcome: 'too-large', id: found.id };
    const isStaged = found.state === 'staged';
    const replacedStaged =
      found.replaces_key === null ? null : { key: found.replaces_key, revision: found.replaces_revision ?? 0 };
    const replaces = isStaged ? replacedStaged : { key: found.key, revision: found.revision };
    if (isStaged) {
      await this.#database.transaction().execute((transaction) => deleteConversationRows(transaction, [found.key]));
    }
    await this.#stage(prepared, {
      ...this.#newPlace(replaces),
      revision: found.revision + 1,
      folderId: found.folder_id,
      isTitleEdited: found.title_edited === 1,
    });
    return { outcome: found.deleted_at === null ? 'updated' : 'imported', id: found.id };
  }

  #newPlace(replaces: RowPlace['replaces']): RowPlace {
    return {
      state: 'staged',
      importId: this.#id,
      replaces,
      revision: 1,
      folderId: null,
      isTitleEdited: false,
      isInChat: false,
    };
  }

  /** The conversation as this import has staged it, else as the library has it: by its id, then by its origin. */
  async #find(conversation: Conversation): Promise<Found | null> {
    const columns = [
      'key',
      'id',
      'content_hash',
      'revision',
      'state',
      'deleted_at',
      'title_edited',
      'folder_id',
      'replaces_key',
      'replaces_revision',
    ] as const;
    const base = this.#database.selectFrom('conversations').select(columns);
    const id = wellFormed(conversation.id);
    const staged = await base
      .where('state', '=', sql.lit('staged'))
      .where('import_id', '=', this.#id)
      .where('id', '=', id)
      .executeTakeFirst();
    if (staged !== undefined) return staged;
    const live = await base.where('state', '=', sql.lit('live')).where('id', '=', id).executeTakeFirst();
    if (live !== undefined) return live;
    const originalId = originalIdOf(conversation);
    if (originalId === null) return null;
    const ofOrigin = await base
      .where('platform', '=', wellFormed(conversation.source.platform))
      .where('original_id', '=', originalId)
      .where((row) => row.or([row('state', '=', sql.lit('live')), row('import_id', '=', this.#id)]))
      .orderBy('state', 'desc')
      .executeTakeFirst();
    return ofOrigin ?? null;
  }

  async #stage(prepared: PreparedConversation, place: RowPlace): Promise<void> {
    this.#waiting.push({ prepared, place });
    for (const key of identitiesOf(prepared.conversation)) this.#waitingIds.add(key);
    this.#waitingBytes += prepared.blob.jsonBytes;
    if (this.#waitingBytes >= BATCH_BYTES || this.#waiting.length >= BATCH_CONVERSATIONS) await this.flush();
  }

  /** Writes what waits. */
  async flush(): Promise<void> {
    if (this.#waiting.length === 0 && this.#newFiles.size === 0) return;
    const files = [...this.#newFiles].map(([sha256, sizeBytes]) => ({ sha256, size_bytes: sizeBytes }));
    await this.#database.transaction().execute(async (transaction) => {
      for (let from = 0; from < files.length; from += BATCH_CONVERSATIONS) {
        await transaction
          .insertInto('files')
          .values(files.slice(from, from + BATCH_CONVERSATIONS))
          .onConflict((conflict) => conflict.doNothing())
          .execute();
      }
      await insertConversations(transaction, this.#waiting);
    });
    this.#waiting.length = 0;
    this.#waitingIds.clear();
    this.#waitingBytes = 0;
    this.#newFiles.clear();
  }

  /** Makes everything visible, at once. */
  async commit(now: string): Promise<void> {
    await this.flush();
    do {
      await this.#rebaseConversations();
      await this.#rebaseDocuments();
      await sql`pragma synchronous = full`.execute(this.#database);
    } while (!(await this.#publish(now)));
  }

  /** False when something was saved here since it was joined. */
  #publish(now: string): Promise<boolean> {
    return this.#database.transaction().execute(async (transaction) => {
      const staleConversation = await this.#staleConversations(transaction).executeTakeFirst();
      const staleDocument = await this.#staleDocuments(transaction).executeTakeFirst();
      if (staleConversation !== undefined || staleDocument !== undefined) return false;
      const replacing = await transaction
        .selectFrom('conversations')
        .select(['key', 'replaces_key'])
        .where('import_id', '=', this.#id)
        .where('state', '=', sql.lit('staged'))
        .where('replaces_key', 'is not', null)
        .execute();
      for (const { key, replaces_key: oldKey } of replacing) {
        if (oldKey === null) continue;
        await transaction
          .updateTable('conversations')
          .set((row) => ({
            folder_id: row.selectFrom('conversations as old').select('old.folder_id').where('old.key', '=', oldKey),
            in_chat: sql<number>`coalesce((select old.in_chat from conversations as old where old.key = ${oldKey}), 0)`,
          }))
          .where('key', '=', key)
          .execute();
        await transaction
          .updateTable('conversation_tags')
          .set({ conversation_key: key })
          .where('conversation_key', '=', oldKey)
          .execute();
        await deleteConversationRows(transaction, [oldKey]);
      }
      const replacedDocuments = await transaction
        .selectFrom('documents')
        .select('replaces_key')
        .where('import_id', '=', this.#id)
        .where('state', '=', sql.lit('staged'))
        .where('replaces_key', 'is not', null)
        .execute();
      await deleteDocumentRows(
        transaction,
        replacedDocuments.flatMap((row) => row.replaces_key ?? []),
      );
      for (const table of ['conversations', 'documents'] as const) {
        await transaction
          .updateTable(table)
          .set({ state: 'live', replaces_key: null })
          .where('import_id', '=', this.#id)
          .where('state', '=', sql.lit('staged'))
          .execute();
      }
      for (const key of this.#restored) {
        await transaction.updateTable('conversations').set({ deleted_at: null }).where('key', '=', key).execute();
      }
      await transaction
        .updateTable('imports')
        .set({ state: 'committed', finished_at: now, imported: this.#imported, updated: this.#updated })
        .where('id', '=', this.#id)
        .execute();
      return true;
    });
  }

  /** Staged conversations beside which another state of theirs was saved here while the import ran. */
  #staleConversations(connection: Connection) {
    return connection
      .selectFrom('conversations as staged')
      .innerJoin('conversations as live', (join) =>
        join.onRef('live.id', '=', 'staged.id').on('live.state', '=', sql.lit('live')),
      )
      .select(['staged.key', 'live.key as live_key', 'live.revision', 'live.title_edited'])
      .where('staged.import_id', '=', this.#id)
      .where('staged.state', '=', sql.lit('staged'))
      .where((row) =>
        row.or([
          row('staged.replaces_key', 'is distinct from', row.ref('live.key')),
          row('staged.replaces_revision', 'is distinct from', row.ref('live.revision')),
        ]),
      );
  }

  /** Joins staged conversations again with those that were saved here while the import ran. */
  async #rebaseConversations(): Promise<void> {
    const stale = await this.#staleConversations(this.#database).execute();
    for (const row of stale) {
      const existing = await readConversationRow(this.#database, row.live_key);
      // Removed meanwhile.
      if (existing === null) continue;
      const staged = await readRequired(this.#database, row.key);
      const joined = mergeConversations(existing, staged);
      const prepared = await prepareConversation(
        row.title_edited === 1 ? { ...joined, title: existing.title } : joined,
      );
      await this.#database.transaction().execute(async (transaction) => {
        await deleteConversationRows(transaction, [row.key]);
        await insertConversation(transaction, prepared, {
          ...this.#newPlace({ key: row.live_key, revision: row.revision }),
          revision: row.revision + 1,
          isTitleEdited: row.title_edited === 1,
        });
      });
    }
  }

  /** Staged documents beside which another state of theirs was saved here: each save makes a row of its own. */
  #staleDocuments(connection: Connection) {
    return connection
      .selectFrom('documents as staged')
      .innerJoin('documents as live', (join) =>
        join.onRef('live.kind', '=', 'staged.kind').onRef('live.id', '=', 'staged.id'),
      )
      .select(['staged.key', 'live.key as live_key'])
      .where('staged.import_id', '=', this.#id)
      .where('staged.state', '=', sql.lit('staged'))
      .where('live.state', '=', sql.lit('live'))
      .where('staged.replaces_key', 'is distinct from', (row) => row.ref('live.key'));
  }

  /** Joins staged documents again with those that were saved here while the import ran. */
  async #rebaseDocuments(): Promise<void> {
    const stale = await this.#staleDocuments(this.#database).execute();
    for (const { key, live_key: liveKey } of stale) {
      const existing = await readDocumentRow(this.#database, liveKey);
      const staged = await readDocumentRow(this.#database, key);
      // Removed or saved anew meanwhile.
      if (existing === null) continue;
      if (staged === null) throw new Error('a document vanished between two steps of an import');
      await this.#stageDocument(mergeDocuments(existing, staged), key, liveKey);
    }
  }

  /** Removes everything this import has added. */
  async undo(): Promise<void> {
    // Files that were written and not yet entered would be nobody's; entered, they are found unused.
    this.#waiting.length = 0;
    await this.flush();
    await undoImport(this.#database, this.#id);
    await sql`pragma synchronous = full`.execute(this.#database);
  }
}

/** Whether a conversation joined of two valid ones is one that can be read again. */
function fitsConversation({ conversation, blob }: PreparedConversation): boolean {
  return (
    conversation.participants.length <= DOCUMENT_LIMITS.maxParticipants &&
    conversation.messages.length <= DOCUMENT_LIMITS.maxMessages &&
    (conversation.attachments ?? []).length <= DOCUMENT_LIMITS.maxAttachments &&
    blob.jsonBytes <= DOCUMENT_LIMITS.maxBytes
  );
}

/** The same for a document joined of two; only projects grow by it. */
function fitsDocument({ document, entries }: KeptDocument): boolean {
  return (
    document.kind !== 'project' ||
    (entries.length <= DOCUMENT_LIMITS.maxConversations && fitsProject(document.document))
  );
}

async function readRequired(database: Database, key: number): Promise<Conversation> {
  const conversation = await readConversationRow(database, key);
  if (conversation === null) throw new Error('a conversation vanished between two steps of an import');
  return conversation;
}

function identitiesOf(conversation: Conversation): readonly string[] {
  const originalId = originalIdOf(conversation);
  const id = `id ${conversation.id}`;
  return originalId === null ? [id] : [id, `origin ${conversation.source.platform} ${originalId}`];
}
