import type { Conversation, ConversationMessage } from './conversation';

/**
 * The messages a reader sees: from the first one to the head, or to the last message of the list when there is no head.
 * Expects a checked conversation; in any other, a loop or a missing parent ends the branch.
 */
export function shownBranch(conversation: Conversation): readonly ConversationMessage[] {
  const byId = new Map(conversation.messages.map((message) => [message.id, message]));
  const branch: ConversationMessage[] = [];
  let at = byId.get(conversation.head ?? '') ?? conversation.messages.at(-1);
  while (at !== undefined) {
    branch.push(at);
    byId.delete(at.id);
    at = byId.get(at.parent_id ?? '');
  }
  return branch.reverse();
}
