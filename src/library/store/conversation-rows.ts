import { sql, type Transaction } from 'kysely';
import type { Conversation, ParticipantRole } from '../../protocol/conversation/conversation';
import type { Database, LibraryTables } from './database-schema';
import { searchableText, searchTextOf, wellFormed } from './search-text';
import { conversationHash, detachedFiles, packDocument, unpackDocument, type StoredBlob } from './stored-document';

/** A connection or a transaction of the library. */
export type Connection = Database | Transaction<LibraryTables>;

interface PreparedMessage {
  readonly messageId: string;
  readonly role: ParticipantRole;
  readonly createdAt: string | null;
  readonly text: string;
}

/** A conversation ready to be written: packed and taken apart, so that writing takes the database no longer than needed. */
export interface PreparedConversation {
  readonly conversation: Conversation;
  readonly blob: StoredBlob;
  readonly contentHash: string;
  readonly messages: readonly PreparedMessage[];
  readonly files: readonly { readonly attachmentId: string; readonly sha256: string }[];
}

/** Packs a conversation and finds its words. Its inline attachments are detached already. */
export async function prepareConversation(conversation: Conversation): Promise<PreparedConversation> {
  const roles = new Map(conversation.participants.map(({ id, role }) => [id, role]));
  return {
    conversation,
    blob: await packDocument(conversation),
    contentHash: conversationHash(conversation),
    messages: conversation.messages.map((message) => ({
      messageId: wellFormed(message.id),
      role: roles.get(message.participant_id) ?? 'human',
      createdAt: message.created_at ?? null,
      text: searchTextOf(message),
    })),
    files: detachedFiles(conversation.attachments),
  };
}

/** Where a row belongs. */
export interface RowPlace {
  readonly state: 'staged' | 'live';
  readonly importId: number | null;
  readonly replaces: { readonly key: number; readonly revision: number } | null;
  readonly revision: number;
  readonly folderId: number | null;
  readonly isTitleEdited: boolean;
  readonly isInChat: boolean;
}

/** The place of a conversation that was not in the library before and belongs to no import. */
export const NEW_ROW: RowPlace = {
  state: 'live',
  importId: null,
  replaces: null,
  revision: 1,
  folderId: null,
  isTitleEdited: false,
  isInChat: false,
};

/** Rows of one INSERT. SQLite takes 32,766 parameters; more rows at once gain nothing. */
const ROWS_AT_ONCE = 100;

function* batches<Entry>(entries: readonly Entry[]): Generator<readonly Entry[]> {
  for (let from = 0; from < entries.length; from += ROWS_AT_ONCE) yield entries.slice(from, from + ROWS_AT_ONCE);
}

/** A conversation and where it goes. */
export interface PlacedRow {
  readonly prepared: PreparedConversation;
  readonly place: RowPlace;
}

/** Writes a conversation with its messages, words and files; returns its key. Call it inside a transaction. */
export async function insertConversation(
  connection: Connection,
  prepared: PreparedConversation,
  place: RowPlace,
): Promise<number> {
  const [key] = await insertConversations(connection, [{ prepared, place }]);
  if (key === undefined) throw new Error('a conversation was written without a key');
  return key;
}

/**
 * Writes several conversations; returns their keys. The words go into the search index at the end: each ordinary
 * statement between two writes to the index would make it flush what it has gathered, which is ten times slower.
 */
export async function insertConversations(
  connection: Connection,
  rows: readonly PlacedRow[],
): Promise<readonly number[]> {
  let conversationKey = await lastKey(connection, 'conversations');
  let messageKey = await lastKey(connection, 'messages');
  const keys: number[] = [];
  const titles: IndexedText[] = [];
  const texts: IndexedText[] = [];
  for (const { prepared, place } of rows) {
    conversationKey += 1;
    keys.push(conversationKey);
    await insertConversationRow(connection, conversationKey, prepared, place);
    titles.push({ key: conversationKey, text: prepared.conversation.title });
    const messages = prepared.messages.map((message, position) => ({
      key: messageKey + 1 + position,
      conversation_key: conversationKey,
      position,
      message_id: message.messageId,
      role: message.role,
      created_at: message.createdAt,
      text: message.text,
    }));
    messageKey += messages.length;
    for (const batch of batches(messages)) await connection.insertInto('messages').values(batch).execute();
    for (const message of messages) texts.push(message);
  }
  for (const { key, text } of titles) {
    await sql`insert into titles_fts (rowid, title) values (${key}, ${searchableText(wellFormed(text))})`.execute(
      connection,
    );
  }
  await indexTexts(connection, texts);
  return keys;
}

async function indexTexts(connection: Connection, texts: readonly IndexedText[]): Promise<void> {
  for (const batch of batches(texts.filter(({ text }) => text !== ''))) {
    const values = batch.map(({ key, text }) => sql`(${key}, ${searchableText(text)})`);
    await sql`insert into messages_fts (rowid, text) values ${sql.join(values)}`.execute(connection);
  }
}

interface IndexedText {
  readonly key: number;
  readonly text: string;
}

async function lastKey(connection: Connection, table: 'conversations' | 'messages'): Promise<number> {
  const { last } = await connection
    .selectFrom(table)
    .select((row) => row.fn.max<number | null>('key').as('last'))
    .executeTakeFirstOrThrow();
  return last ?? 0;
}

async function insertConversationRow(
  connection: Connection,
  key: number,
  prepared: PreparedConversation,
  place: RowPlace,
): Promise<void> {
  const { conversation, blob } = prepared;
  await connection
    .insertInto('conversations')
    .values({
      key,
      id: wellFormed(conversation.id),
      platform: wellFormed(conversation.source.platform),
      original_id: originalIdOf(conversation),
      title: wellFormed(conversation.title),
      title_edited: place.isTitleEdited ? 1 : 0,
      created_at: conversation.created_at,
      updated_at: conversation.updated_at,
      message_count: conversation.messages.length,
      json_bytes: blob.jsonBytes,
      content_hash: prepared.contentHash,
      folder_id: place.folderId,
      revision: place.revision,
      state: place.state,
      import_id: place.importId,
      replaces_key: place.replaces?.key ?? null,
      replaces_revision: place.replaces?.revision ?? null,
      deleted_at: null,
      in_chat: place.isInChat ? 1 : 0,
    })
    .execute();
  await connection
    .insertInto('conversation_documents')
    .values({ conversation_key: key, document: blob.bytes })
    .execute();
  await insertAttachmentRows(connection, key, prepared);
}

async function insertAttachmentRows(
  connection: Connection,
  key: number,
  prepared: PreparedConversation,
): Promise<void> {
  // Ids that differ in halves of characters alone are one text here, and each of their files is needed.
  const files = new Map<string, string>();
  for (const { attachmentId, sha256 } of prepared.files) {
    let id = wellFormed(attachmentId);
    while (files.has(id) && files.get(id) !== sha256) id = `${id} ${sha256}`;
    files.set(id, sha256);
  }
  for (const batch of batches([...files])) {
    await connection
      .insertInto('attachments')
      .values(batch.map(([id, sha256]) => ({ conversation_key: key, attachment_id: id, sha256 })))
      .execute();
  }
}

/** What changes of a row when its conversation does. */
export interface RowChanges {
  readonly isTitleEdited: boolean;
  readonly isInChat: boolean;
}

/**
 * Writes the newer state of a conversation over its row. Only messages that changed are indexed anew: a conversation of
 * thousands of messages goes on in Chat without all of them being written each second.
 */
export async function updateConversation(
  connection: Connection,
  key: number,
  prepared: PreparedConversation,
  changes: RowChanges,
): Promise<void> {
  const { conversation, blob } = prepared;
  const title = wellFormed(conversation.title);
  await connection
    .updateTable('conversations')
    .set((row) => ({
      title,
      title_edited: changes.isTitleEdited ? 1 : 0,
      updated_at: conversation.updated_at,
      message_count: conversation.messages.length,
      json_bytes: blob.jsonBytes,
      content_hash: prepared.contentHash,
      revision: row('revision', '+', 1),
      in_chat: changes.isInChat ? 1 : 0,
    }))
    .where('key', '=', key)
    .execute();
  await connection
    .updateTable('conversation_documents')
    .set({ document: blob.bytes })
    .where('conversation_key', '=', key)
    .execute();
  await connection.deleteFrom('attachments').where('conversation_key', '=', key).execute();
  await insertAttachmentRows(connection, key, prepared);
  await updateMessages(connection, key, prepared.messages);
  await sql`delete from titles_fts where rowid = ${key}`.execute(connection);
  await sql`insert into titles_fts (rowid, title) values (${key}, ${searchableText(title)})`.execute(connection);
}

async function updateMessages(
  connection: Connection,
  conversationKey: number,
  messages: readonly PreparedMessage[],
): Promise<void> {
  const old = await connection
    .selectFrom('messages')
    .select(['key', 'position', 'message_id', 'role', 'created_at', 'text'])
    .where('conversation_key', '=', conversationKey)
    .execute();
  const byPosition = new Map(old.map((row) => [row.position, row]));
  const stale: number[] = [];
  const fresh: { readonly position: number; readonly message: PreparedMessage }[] = [];
  for (const [position, message] of messages.entries()) {
    const row = byPosition.get(position);
    byPosition.delete(position);
    const isSame =
      row !== undefined &&
      row.message_id === message.messageId &&
      row.role === message.role &&
      row.created_at === message.createdAt &&
      row.text === message.text;
    if (isSame) continue;
    if (row !== undefined) stale.push(row.key);
    fresh.push({ position, message });
  }
  for (const { key } of byPosition.values()) stale.push(key);
  for (const batch of batches(stale)) {
    await sql`delete from messages_fts where rowid in (${sql.join(batch)})`.execute(connection);
    await connection.deleteFrom('messages').where('key', 'in', batch).execute();
  }
  let messageKey = await lastKey(connection, 'messages');
  const rows = fresh.map(({ position, message }) => ({
    key: (messageKey += 1),
    conversation_key: conversationKey,
    position,
    message_id: message.messageId,
    role: message.role,
    created_at: message.createdAt,
    text: message.text,
  }));
  for (const batch of batches(rows)) await connection.insertInto('messages').values(batch).execute();
  await indexTexts(connection, rows);
}

/** The id a conversation has in its product, as rows hold it. */
export function originalIdOf(conversation: Conversation): string | null {
  const { original_id: originalId } = conversation.source;
  return originalId === null || originalId === undefined ? null : wellFormed(originalId);
}

/** Removes conversations with everything that hangs on them. Their files stay until nobody needs them. */
export async function deleteConversationRows(connection: Connection, keys: readonly number[]): Promise<void> {
  for (const batch of batches(keys)) {
    await sql`delete from messages_fts where rowid in
      (select key from messages where conversation_key in (${sql.join(batch)}))`.execute(connection);
    await sql`delete from titles_fts where rowid in (${sql.join(batch)})`.execute(connection);
    await connection.deleteFrom('messages').where('conversation_key', 'in', batch).execute();
    await connection.deleteFrom('attachments').where('conversation_key', 'in', batch).execute();
    await connection.deleteFrom('conversation_tags').where('conversation_key', 'in', batch).execute();
    await connection.deleteFrom('conversation_documents').where('conversation_key', 'in', batch).execute();
    await connection.deleteFrom('conversations').where('key', 'in', batch).execute();
  }
}

/** Reads the document of a row, or null when there is no such row. */
export async function readConversationRow(connection: Connection, key: number): Promise<Conversation | null> {
  const row = await connection
    .selectFrom('conversations')
    .innerJoin('conversation_documents', 'conversation_key', 'key')
    .select(['document', 'json_bytes'])
    .where('key', '=', key)
    .executeTakeFirst();
  return row === undefined ? null : unpackDocument<Conversation>(row.document, row.json_bytes);
}
