import { sql } from 'kysely';
import type { Conversation } from '../../protocol/conversation/conversation';
import type { Project } from '../../protocol/project/project';
import type { OtherDocument } from '../import/import-sink';
import { readConversationRow } from './conversation-rows';
import { keyOf } from './conversation-shelf';
import type { Database } from './database-schema';
import { deleteDocumentRows, entriesOf, insertDocument, readDocumentRow } from './document-rows';
import { asResult, LibraryError, type LibraryResult } from './errors';
import { instantOf } from './instant-of';
import { wellFormed } from './search-text';

export interface DocumentSummary {
  readonly id: string;
  readonly kind: OtherDocument['kind'];
  readonly title: string;
  readonly createdAt: string;
  readonly updatedAt: string;
  readonly sizeBytes: number;
  /** Conversations of a project that stand in the library; 0 for other documents. */
  readonly conversationCount: number;
}

function notFound(): LibraryError {
  return new LibraryError('not-found', 'This document is not in the library any more.');
}

/** Projects, sessions, discovery records and agreements of a library. */
export class DocumentShelf {
  readonly #database: Database;
  readonly #onSaved: () => Promise<void>;

  /** @param onSaved - called after each `save` */
  constructor(database: Database, onSaved: () => Promise<void>) {
    this.#database = database;
    this.#onSaved = onSaved;
  }

  list(kind?: OtherDocument['kind']): Promise<LibraryResult<readonly DocumentSummary[]>> {
    return asResult(async () => {
      let query = this.#database
        .selectFrom('documents')
        .leftJoin('project_conversations', 'document_key', 'documents.key')
        .select(['documents.id', 'kind', 'title', 'created_at', 'updated_at', 'json_bytes'])
        .select((row) => row.fn.count<number>('conversation_id').as('count'))
        .where('state', '=', sql.lit('live'))
        .where('deleted_at', 'is', null)
        .groupBy('documents.key')
        .orderBy(instantOf('updated_at'), 'desc')
        .orderBy('documents.key', 'desc');
      if (kind !== undefined) query = query.where('kind', '=', kind);
      const rows = await query.execute();
      return rows.map((row) => ({
        id: row.id,
        kind: row.kind,
        title: row.title,
        createdAt: row.created_at,
        updatedAt: row.updated_at,
        sizeBytes: row.json_bytes,
        conversationCount: row.count,
      }));
    });
  }

  /** A document; a project with its conversations as the library has them now. Attachments come detached. */
  get(kind: OtherDocument['kind'], id: string): Promise<LibraryResult<OtherDocument>> {
    return asResult(async () => (await this.#read(kind, id)).document);
  }

  /** A document with the key of its state, for `save` to notice a change in between. */
  getForEditing(
    kind: OtherDocument['kind'],
    id: string,
  ): Promise<LibraryResult<{ readonly document: OtherDocument; readonly key: number }>> {
    return asResult(() => this.#read(kind, id));
  }

  async #read(
    kind: OtherDocument['kind'],
    id: string,
  ): Promise<{ readonly document: OtherDocument; readonly key: number }> {
    const row = await this.#database
      .selectFrom('documents')
      .select('key')
      .where('kind', '=', kind)
      .where('id', '=', wellFormed(id))
      .where('state', '=', sql.lit('live'))
      .where('deleted_at', 'is', null)
      .executeTakeFirst();
    const kept = row === undefined ? null : await readDocumentRow(this.#database, row.key);
    if (row === undefined || kept === null) throw notFound();
    const { key } = row;
    const { document, entries } = kept;
    if (document.kind !== 'project') return { document, key };
    const conversations: Project['conversations'] = [];
    for (const entry of entries) {
      const found = 'reference' in entry ? entry.reference : await this.#conversation(entry.conversationId);
      if (found !== null) conversations.push(found);
    }
    return { document: { kind: 'project', document: { ...document.document, conversations } }, key };
  }

  /** A conversation that was deleted for good has left its projects too. */
  async #conversation(id: string): Promise<Conversation | null> {
    try {
      return await readConversationRow(this.#database, await keyOf(this.#database, id));
    } catch (thrown) {
      if (thrown instanceof LibraryError && thrown.failure.code === 'not-found') return null;
      throw thrown;
    }
  }

  /**
   * Puts a document into the library or in the place of its older state. Conversations of a project are saved before. False,
   * and nothing is written, when it is no longer in the state of `baseKey`.
   */
  save(document: OtherDocument, baseKey?: number): Promise<LibraryResult<boolean>> {
    return asResult(async () => {
      const entries = document.kind === 'project' ? entriesOf(document.document, ({ id }) => id) : [];
      const isSaved = await this.#database.transaction().execute(async (transaction) => {
        const old = await transaction
          .selectFrom('documents')
          .select(['key', 'deleted_at'])
          .where('kind', '=', document.kind)
          .where('id', '=', wellFormed(document.document.id))
          .where('state', '=', sql.lit('live'))
          .executeTakeFirst();
        if (baseKey !== undefined && (old?.key !== baseKey || old.deleted_at !== null)) return false;
        for (const entry of entries) if ('conversationId' in entry) await keyOf(transaction, entry.conversationId);
        // The key of the older state is never given again, since it tells one state from the next.
        const { last } = await transaction
          .selectFrom('documents')
          .select((row) => row.fn.max<number | null>('key').as('last'))
          .executeTakeFirstOrThrow();
        await deleteDocumentRows(transaction, old === undefined ? [] : [old.key]);
        const place = { key: (last ?? 0) + 1, state: 'live', importId: null, replacesKey: null } as const;
        await insertDocument(transaction, { document, entries }, place);
        return true;
      });
      if (isSaved) await this.#onSaved();
      return isSaved;
    });
  }

  /** Moves a document to the bin, or takes it back. */
  setDeleted(kind: OtherDocument['kind'], id: string, deletedAt: string | null): Promise<LibraryResult<void>> {
    return asResult(async () => {
      await this.#database
        .updateTable('documents')
        .set({ deleted_at: deletedAt })
        .where('kind', '=', kind)
        .where('id', '=', wellFormed(id))
        .where('state', '=', sql.lit('live'))
        .execute();
    });
  }

  /** Removes for good what was deleted before a time. */
  purge(deletedBefore: Date): Promise<LibraryResult<number>> {
    return asResult(async () => {
      const rows = await this.#database
        .selectFrom('documents')
        .select('key')
        .where('state', '=', sql.lit('live'))
        .where('deleted_at', '<=', deletedBefore.toISOString())
        .execute();
      const keys = rows.map(({ key }) => key);
      await this.#database.transaction().execute((transaction) => deleteDocumentRows(transaction, keys));
      return keys.length;
    });
  }
}
