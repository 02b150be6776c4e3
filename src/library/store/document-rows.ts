import type { Conversation } from '../../protocol/conversation/conversation';
import type { ToreDocument } from '../../protocol/documents/read-document';
import { isDocumentReference, type DocumentReference, type Project } from '../../protocol/project/project';
import type { OtherDocument } from '../import/import-sink';
import type { Connection } from './conversation-rows';
import type { RowState } from './database-schema';
import { wellFormed } from './search-text';
import { detachedFiles, documentHash, packDocument, unpackDocument } from './stored-document';

/** What a project holds at one place: a conversation that stands in the library by itself, or a reference. */
export type ProjectEntry = { readonly conversationId: string } | { readonly reference: DocumentReference };

/** A document as rows hold it. */
export interface KeptDocument {
  readonly document: OtherDocument;
  /** What stands in the place of a project's conversations; empty for other documents. */
  readonly entries: readonly ProjectEntry[];
}

/**
 * A project's entries, its conversations by the ids they have in the library, each once: two of a file may be one here, by
 * what they come from.
 */
export function entriesOf(project: Project, idOf: (conversation: Conversation) => string): ProjectEntry[] {
  const taken = new Set<string>();
  return project.conversations.flatMap((entry): ProjectEntry[] => {
    if (isDocumentReference(entry)) return [{ reference: entry }];
    const conversationId = wellFormed(idOf(entry));
    if (taken.has(conversationId)) return [];
    taken.add(conversationId);
    return [{ conversationId }];
  });
}

export interface DocumentPlace {
  /** Absent: any that is free. */
  readonly key?: number;
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

/** When a document was made and when it was last changed, as far as it says. */
export function timesOf(document: OtherDocument): { readonly createdAt: string; readonly updatedAt: string } {
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
function packedForm({ document, entries }: KeptDocument): ToreDocument['document'] {
  if (document.kind !== 'project') return document.document;
  const conversations = entries.flatMap((entry) => ('reference' in entry ? [entry.reference] : []));
  return { ...document.document, conversations };
}

/** Writes a document other than a conversation. Call it inside a transaction. */
export async function insertDocument(
  connection: Connection,
  kept: KeptDocument,
  place: DocumentPlace,
): Promise<number> {
  const { document, entries } = kept;
  const blob = await packDocument(packedForm(kept));
  const { createdAt, updatedAt } = timesOf(document);
  const { key } = await connection
    .insertInto('documents')
    .values({
      ...(place.key === undefined ? {} : { key: place.key }),
      id: wellFormed(document.document.id),
      kind: document.kind,
      title: wellFormed(titleOf(document)),
      created_at: createdAt,
      updated_at: updatedAt,
      document: blob.bytes,
      json_bytes: blob.jsonBytes,
      content_hash: documentHash(document.document),
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
  for (const [position, entry] of entries.entries()) {
    if ('reference' in entry) continue;
    await connection
      .insertInto('project_conversations')
      .values({ document_key: key, position, conversation_id: entry.conversationId })
      .execute();
  }
  return key;
}

/** Reads a document, or null when there is no such row. What a project holds is in `entries` alone. */
export async function readDocumentRow(connection: Connection, key: number): Promise<KeptDocument | null> {
  const row = await connection
    .selectFrom('documents')
    .select(['kind', 'document', 'json_bytes'])
    .where('key', '=', key)
    .executeTakeFirst();
  if (row === undefined) return null;
  const document = await unpackDocument<ToreDocument['document']>(row.document, row.json_bytes);
  if (row.kind !== 'project') return { document: { kind: row.kind, document } as OtherDocument, entries: [] };
  const project = document as Project;
  const references = project.conversations.filter((entry) => isDocumentReference(entry));
  return {
    document: { kind: 'project', document: { ...project, conversations: [] } },
    entries: await readEntries(connection, key, references),
  };
}

async function readEntries(
  connection: Connection,
  key: number,
  references: DocumentReference[],
): Promise<readonly ProjectEntry[]> {
  const placed = await connection
    .selectFrom('project_conversations')
    .select(['position', 'conversation_id'])
    .where('document_key', '=', key)
    .execute();
  const ids = new Map(placed.map(({ position, conversation_id: id }) => [position, id]));
  const entries: ProjectEntry[] = [];
  for (let position = 0; references.length > 0 || ids.size > 0; position += 1) {
    const conversationId = ids.get(position);
    ids.delete(position);
    const reference = conversationId === undefined ? references.shift() : undefined;
    if (conversationId !== undefined) entries.push({ conversationId });
    else if (reference !== undefined) entries.push({ reference });
  }
  return entries;
}

/** Removes documents other than conversations. */
export async function deleteDocumentRows(connection: Connection, keys: readonly number[]): Promise<void> {
  for (const key of keys) {
    await connection.deleteFrom('document_files').where('document_key', '=', key).execute();
    await connection.deleteFrom('project_conversations').where('document_key', '=', key).execute();
    await connection.deleteFrom('documents').where('key', '=', key).execute();
  }
}
