import type { Conversation } from '../conversation/conversation';
import type { Attachment } from '../documents/attachment';
import { isDocumentReference, type DocumentReference, type Project } from './project';

/** Ids of attachments that content points to. What a tool result holds was not checked, so nothing is taken for granted. */
function usedAttachmentIds(content: readonly unknown[]): Set<string> {
  const used = new Set<string>();
  const waiting: unknown[] = [...content];
  while (waiting.length > 0) {
    const part = waiting.pop();
    if (typeof part !== 'object' || part === null) continue;
    if ('attachment_id' in part && typeof part.attachment_id === 'string') used.add(part.attachment_id);
    if ('content' in part && Array.isArray(part.content)) for (const inner of part.content) waiting.push(inner);
  }
  return used;
}

/** Ids of attachments that the parts of a conversation point to and that it has not itself: files of a project around it. */
export function missingAttachmentIds(conversation: Conversation): ReadonlySet<string> {
  const used = usedAttachmentIds(conversation.messages.flatMap(({ content }) => content));
  for (const { id } of conversation.attachments ?? []) used.delete(id);
  return used;
}

/** The conversation with those attachments of the project around it that its parts point to. */
export function withAttachments(conversation: Conversation, available: readonly Attachment[]): Conversation {
  const missing = missingAttachmentIds(conversation);
  const added = available.filter(({ id }) => missing.has(id));
  return added.length === 0
    ? conversation
    : { ...conversation, attachments: [...(conversation.attachments ?? []), ...added] };
}

/**
 * Takes a project apart into conversations that stand alone. Each brings the attachments it points to; nothing else about
 * it changes. What the project keeps in files of their own is listed, not fetched.
 */
export function splitProject(project: Project): {
  readonly conversations: readonly Conversation[];
  readonly elsewhere: readonly DocumentReference[];
} {
  const conversations: Conversation[] = [];
  const elsewhere: DocumentReference[] = [];
  for (const entry of project.conversations) {
    if (isDocumentReference(entry)) elsewhere.push(entry);
    else conversations.push(withAttachments(entry, project.attachments));
  }
  return { conversations, elsewhere };
}
