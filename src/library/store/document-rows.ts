import type { ToreDocument } from '../../protocol/documents/read-document';
import type { OtherDocument } from '../import/import-sink';
import type { Connection } from './conversation-rows';
import type { RowState } from './database-schema';
import { wellFormed } from './search-text';
import { detachedFiles, packDocument } from './stored-document';

/** A conversation of a project that stands in the library by itself. */
export interface PlacedConversation {
  readonly position: number;
  readonly conversationId: string;
}

export interface DocumentPlace {
  readonly contentHash: string;
  readonly placed: readonly PlacedConversation[];
  readonly state: RowState;
  readonly importId: number | null;
  readonly replacesKey: number | null;
}

function titleOf(document: OtherDocument): string {
  switch (document.kind) {
    case 'project':
      return document.document.name;
    case 'session':
      return document.document.title;
    case 'discovery':
      return document.document.node.display_name ?? document.document.node.node_id;
    case 'agreement':
      return document.document.parties.map(({ name }) => name).join(', ');
  }
}

function timesOf(document: OtherDocument): { readonly createdAt: string; readonly updatedAt: string } {
  switch (document.kind) {
    case 'project':
    case 'session':
      return { createdAt: document.document.created_at, updatedAt: document.document.updated_at };
    case 'discovery':
      return { createdAt: document.document.issued_at, updatedAt: document.document.issued_at };
    case 'agreement':
      return { createdAt: document.document.terms.effective_at, updatedAt: document.document.terms.effective_at };
  }
}

/** What is packed: a project without the conversations that stand by themselves. */
function packedForm(document: OtherDocument): ToreDocument['document'] {
  if (document.kind !== 'project') return document.document;
  const conversations = document.document.conversations.filter((entry) => !('tore_spec' in entry));
  return { ...document.document, conversations };
}

/** Writes a document other than a conversation. Call it inside a transaction. */
export async function insertDocument(
  connection: Connection,
  document: OtherDocument,
  place: DocumentPlace,
): Promise<number> {
  const blob = await packDocument(packedForm(document));
  const { createdAt, updatedAt } = timesOf(document);
  const { key } = await connection
    .insertInto('documents')
    .values({
      id: wellFormed(document.document.id),
      kind: document.kind,
      title: wellFormed(titleOf(document)),
      created_at: createdAt,
      updated_at: updatedAt,
      document: blob.bytes,
      json_bytes: blob.jsonBytes,
      content_hash: place.contentHash,
      state: place.state,
      import_id: place.importId,
      replaces_key: place.replacesKey,
      deleted_at: null,
    })
    .returning('key')
    .executeTakeFirstOrThrow();
  const files = document.kind === 'project' ? detachedFiles(document.document.attachments) : [];
  for (const { sha256 } of files) {
    await connection
      .insertInto('document_files')
      .values({ document_key: key, sha256 })
      .onConflict((conflict) => conflict.doNothing())
      .execute();
  }
  for (const { position, conversationId } of place.placed) {
    await connection
      .insertInto('project_conversations')
      .values({ document_key: key, position, conversation_id: conversationId })
      .execute();
  }
  return key;
}

/** Removes documents other than conversations. */
export async function deleteDocumentRows(connection: Connection, keys: readonly number[]): Promise<void> {
  for (const key of keys) {
    await connection.deleteFrom('document_files').where('document_key', '=', key).execute();
    await connection.deleteFrom('project_conversations').where('document_key', '=', key).execute();
    await connection.deleteFrom('documents').where('key', '=', key).execute();
  }
}
