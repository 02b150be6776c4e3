import type { Conversation } from '../../protocol/conversation/conversation';
import type { ToreDocument } from '../../protocol/documents/read-document';
import type { SourceRecord } from './source-values';

/** What a converter knows besides the record. */
export interface ConvertContext {
  /** RFC 3339; stands in where a record has no time at all. */
  readonly fallbackTime: string;
  /** Name of the file without its folder, for records that have no title of their own. */
  readonly fileName: string;
}

/** What became of a record. */
export type Converted =
  | { readonly kind: 'conversation'; readonly conversation: Conversation }
  | { readonly kind: 'document'; readonly document: ToreDocument }
  /** Nothing that belongs into a library; `why` is a clause. */
  | { readonly kind: 'skipped'; readonly why: string };

/** Turns one record of a product into a document. Pure: the same record and context give the same document. */
export type Converter = (record: SourceRecord, context: ConvertContext) => Converted;

/** A conversation without a single message holds nothing to keep. */
export function conversationOrNothing(conversation: Conversation): Converted {
  return conversation.messages.length === 0
    ? { kind: 'skipped', why: 'it has no messages' }
    : { kind: 'conversation', conversation };
}
