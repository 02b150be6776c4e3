import type { Generated, Kysely } from 'kysely';

/** Rows become visible when their import is committed; until then they are staged. */
export type RowState = 'staged' | 'live';

export interface ImportRow {
  readonly id: Generated<number>;
  readonly name: string;
  readonly state: 'running' | 'committed';
  readonly started_at: string;
  readonly finished_at: string | null;
  readonly imported: number;
  readonly updated: number;
}

export interface ConversationRow {
  readonly key: Generated<number>;
  /** Id of the tore-0005 document. */
  readonly id: string;
  readonly platform: string;
  readonly original_id: string | null;
  readonly title: string;
  /** 1 when the person changed the title here; imports then keep it. */
  readonly title_edited: number;
  readonly created_at: string;
  readonly updated_at: string;
  readonly message_count: number;
  /** Bytes of the document's JSON before deflating. */
  readonly json_bytes: number;
  /** SHA-256 of what the document says, without its times and ids. */
  readonly content_hash: string;
  readonly folder_id: number | null;
  /** Counts changes, so that a staged update can tell whether its base is still the same. */
  readonly revision: number;
  readonly state: RowState;
  readonly import_id: number | null;
  /** A staged row that takes the place of another. */
  readonly replaces_key: number | null;
  readonly replaces_revision: number | null;
  readonly deleted_at: string | null;
  /** 1 when it was begun or went on in Chat, whose list shows it then. */
  readonly in_chat: Generated<number>;
}

/** Documents have a table of their own, so that changing a flag of a conversation does not write all of it again. */
export interface ConversationDocumentRow {
  readonly conversation_key: number;
  /** The document as deflated JSON, its attachments detached. */
  readonly document: Uint8Array;
}

export interface MessageRow {
  readonly key: Generated<number>;
  readonly conversation_key: number;
  readonly position: number;
  readonly message_id: string;
  readonly role: string;
  readonly created_at: string | null;
  /** The words that are searched and shown in results. */
  readonly text: string;
}

export interface FileRow {
  readonly sha256: string;
  readonly size_bytes: number;
}

export interface AttachmentRow {
  readonly conversation_key: number;
  readonly attachment_id: string;
  readonly sha256: string;
}

export interface FolderRow {
  readonly id: Generated<number>;
  readonly name: string;
  readonly parent_id: number | null;
}

export interface TagRow {
  readonly id: Generated<number>;
  readonly name: string;
}

export interface ConversationTagRow {
  readonly conversation_key: number;
  readonly tag_id: number;
}

/** Documents other than conversations. */
export interface DocumentRow {
  readonly key: Generated<number>;
  readonly id: string;
  readonly kind: 'project' | 'session' | 'discovery' | 'agreement';
  readonly title: string;
  readonly created_at: string;
  readonly updated_at: string;
  readonly document: Uint8Array;
  readonly json_bytes: number;
  readonly content_hash: string;
  readonly state: RowState;
  readonly import_id: number | null;
  readonly replaces_key: number | null;
  readonly deleted_at: string | null;
}

export interface DocumentFileRow {
  readonly document_key: number;
  readonly sha256: string;
}

/** Which conversations of the library a project holds, in its order. */
export interface ProjectConversationRow {
  readonly document_key: number;
  readonly position: number;
  readonly conversation_id: string;
}

export interface LibraryTables {
  readonly imports: ImportRow;
  readonly conversations: ConversationRow;
  readonly conversation_documents: ConversationDocumentRow;
  readonly messages: MessageRow;
  readonly files: FileRow;
  readonly attachments: AttachmentRow;
  readonly folders: FolderRow;
  readonly tags: TagRow;
  readonly conversation_tags: ConversationTagRow;
  readonly documents: DocumentRow;
  readonly document_files: DocumentFileRow;
  readonly project_conversations: ProjectConversationRow;
}

export type Database = Kysely<LibraryTables>;
