import { sql } from 'kysely';
import type { Conversation } from '../../protocol/conversation/conversation';
import type { ToreDocument } from '../../protocol/documents/read-document';
import type { Project } from '../../protocol/project/project';
import type { OtherDocument } from '../import/import-sink';
import { readConversationRow } from './conversation-rows';
import { keyOf } from './conversation-shelf';
import type { Database } from './database-schema';
import { deleteDocumentRows, insertDocument, type PlacedConversation } from './document-rows';
import { asResult, LibraryError, type LibraryResult } from './errors';
import { instantOf } from './instant-of';
import { wellFormed } from './search-text';
import { documentHash, unpackDocument } from './stored-document';

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

  constructor(database: Database) {
    this.#database = database;
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
    return asResult(async () => {
      const row = await this.#database
        .selectFrom('documents')
        .select(['key', 'document', 'json_bytes'])
        .where('kind', '=', kind)
        .where('id', '=', wellFormed(id))
        .where('state', '=', sql.lit('live'))
        .where('deleted_at', 'is', null)
        .executeTakeFirst();
      if (row === undefined) throw notFound();
      const document = await unpackDocument<ToreDocument['document']>(row.document, row.json_bytes);
      if (kind !== 'project') return { kind, document } as OtherDocument;
      return { kind, document: await this.#withConversations(row.key, document as Project) };
    });
  }

  async #withConversations(key: number, project: Project): Promise<Project> {
    const placed = await this.#database
      .selectFrom('project_conversations')
      .select(['position', 'conversation_id'])
      .where('document_key', '=', key)
      .orderBy('position')
      .execute();
    const ids = new Map(placed.map(({ position, conversation_id: id }) => [position, id]));
    const references = [...project.conversations];
    const conversations: Project['conversations'] = [];
    for (let position = 0; references.length > 0 || ids.size > 0; position += 1) {
      const id = ids.get(position);
      ids.delete(position);
      if (id === undefined) {
        const reference = references.shift();
        if (reference !== undefined) conversations.push(reference);
        continue;
      }
      const conversation = await this.#conversation(id);
      if (conversation !== null) conversations.push(conversation);
    }
    return { ...project, conversations };
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

  /** Puts a document into the library or in the place of its older state. Conversations of a project are saved before. */
  save(document: OtherDocument): Promise<LibraryResult<void>> {
    return asResult(async () => {
      const placed: readonly PlacedConversation[] =
        document.kind === 'project'
          ? document.document.conversations.flatMap((entry, position) =>
              'tore_spec' in entry ? [{ position, conversationId: wellFormed(entry.id) }] : [],
            )
          : [];
      await this.#database.transaction().execute(async (transaction) => {
        for (const { conversationId } of placed) await keyOf(transaction, conversationId);
        const old = await transaction
          .selectFrom('documents')
          .select('key')
          .where('kind', '=', document.kind)
          .where('id', '=', wellFormed(document.document.id))
          .where('state', '=', sql.lit('live'))
          .execute();
        await deleteDocumentRows(
          transaction,
          old.map(({ key }) => key),
        );
        await insertDocument(transaction, document, {
          contentHash: documentHash(document.document),
          placed,
          state: 'live',
          importId: null,
          replacesKey: null,
        });
      });
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
