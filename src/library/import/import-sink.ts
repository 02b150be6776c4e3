import type { Conversation } from '../../protocol/conversation/conversation';
import type { ToreDocument } from '../../protocol/documents/read-document';
import type { AddOutcome } from './import-report';

/** Bytes kept by a sink. */
export interface StoredFile {
  readonly sha256: string;
  readonly sizeBytes: number;
}

/** A document that is not a conversation. */
export type OtherDocument = Exclude<ToreDocument, { readonly kind: 'conversation' }>;

/**
 * Takes what an import finds. Documents come with their inline attachments detached: the bytes were handed to `addFile`
 * before, `checksum` says which they are, and `data` is empty.
 */
export interface ImportSink {
  addConversation(conversation: Conversation): Promise<AddOutcome>;
  addDocument(document: OtherDocument): Promise<AddOutcome>;
  /** Keeps the bytes under their SHA-256; the same bytes twice are kept once. */
  addFile(content: AsyncIterable<Uint8Array>): Promise<StoredFile>;
}

/** How far an import is. */
export interface ImportProgress {
  readonly bytesDone: number;
  readonly bytesTotal: number;
  /** Conversations and other documents taken so far. */
  readonly documents: number;
}
