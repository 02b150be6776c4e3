import type { Conversation, ConversationMessage } from '../../protocol/conversation/conversation';
import type { Attachment } from '../../protocol/documents/attachment';
import { derivedId } from '../import/identity';

type Attachments = readonly Attachment[] | null | undefined;

/** New ids for those attachments of the incoming version whose ids mean other files in the existing one. */
export function conflictingIds(existing: Attachments, incoming: Attachments): ReadonlyMap<string, string> {
  const checksums = new Map((existing ?? []).map(({ id, checksum }) => [id, checksum.value]));
  const ids = new Map<string, string>();
  for (const { id, checksum } of incoming ?? []) {
    const known = checksums.get(id);
    if (known !== undefined && known !== checksum.value) ids.set(id, derivedId('attachment', id, checksum.value));
  }
  return ids;
}

/** Attachments under their new ids. */
export function withNewIds(attachments: readonly Attachment[], ids: ReadonlyMap<string, string>): Attachment[] {
  return attachments.map((attachment) => ({ ...attachment, id: ids.get(attachment.id) ?? attachment.id }));
}

/** A part of a message, or of what a tool answered; those of other programs hold anything. */
function repointedPart<Part>(part: Part, ids: ReadonlyMap<string, string>): Part {
  if (typeof part !== 'object' || part === null) return part;
  const id =
    'attachment_id' in part && typeof part.attachment_id === 'string' ? ids.get(part.attachment_id) : undefined;
  const inner = 'content' in part && Array.isArray(part.content) ? (part.content as readonly unknown[]) : undefined;
  return {
    ...part,
    ...(id === undefined ? {} : { attachment_id: id }),
    ...(inner === undefined ? {} : { content: inner.map((each) => repointedPart(each, ids)) }),
  };
}

function repointedMessage(message: ConversationMessage, ids: ReadonlyMap<string, string>): ConversationMessage {
  return { ...message, content: message.content.map((part) => repointedPart(part, ids)) };
}

/** A conversation whose parts point to attachments under their new ids; its own attachments get them too. */
export function repointed(conversation: Conversation, ids: ReadonlyMap<string, string>): Conversation {
  if (ids.size === 0) return conversation;
  const { attachments } = conversation;
  return {
    ...conversation,
    messages: conversation.messages.map((message) => repointedMessage(message, ids)),
    ...(attachments && { attachments: withNewIds(attachments, ids) }),
  };
}

/**
 * The attachments of two versions, whose ids do not conflict. Bytes that one of them holds are never given up for a mere
 * reference of the other.
 */
export function mergeAttachments(newer: Attachments, older: Attachments): Attachment[] {
  const merged = new Map((older ?? []).map((attachment) => [attachment.id, attachment]));
  for (const attachment of newer ?? []) {
    const known = merged.get(attachment.id);
    const isInlineOnly = known?.storage === 'inline' && attachment.storage === 'reference';
    if (!isInlineOnly) merged.set(attachment.id, attachment);
  }
  return [...merged.values()];
}
