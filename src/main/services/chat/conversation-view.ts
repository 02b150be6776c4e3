import type { Conversation } from '../../../protocol/conversation/conversation';
import { branchPlaceOf, attachmentsById, READING_LIMITS, viewOfPart } from '../../../protocol/conversation/reading';
import { MessageTree } from '../../../protocol/conversation/branches';
import type { ChatEntry, ConversationView } from '../../../contract/chat';
import { readAnswer } from './answer-record';
import { roleOf, textOf } from './conversation-document';

/** What a window shows of a conversation: the branch that ends at its head. Hidden messages stay hidden. */
export function viewOf(document: Conversation): ConversationView {
  const tree = new MessageTree(document);
  const attachments = attachmentsById(document);
  const entries = tree.branchTo(null).flatMap((message): ChatEntry[] => {
    const role = roleOf(document, message);
    if (message.metadata?.['hidden'] === true || role === 'system' || role === 'tool') return [];
    // Text alone is shown as it grows; anything else of another program is shown part by part.
    const isText = message.content.every(({ type }) => type === 'text');
    const common = {
      id: message.id,
      text: textOf(message),
      parts: isText
        ? null
        : message.content.slice(0, READING_LIMITS.maxParts).map((part) => viewOfPart(part, attachments)),
      createdAt: message.created_at ?? document.created_at,
      branch: branchPlaceOf(tree, message),
    };
    if (role === 'human') return [{ role: 'user', ...common }];
    const { state, facts } = readAnswer(message);
    return [{ role: 'assistant', ...common, state, facts }];
  });
  return {
    id: document.id,
    title: document.title,
    updatedAt: document.updated_at,
    entries,
    handoff: document.handoff ?? null,
    contextSnapshot: document.context_snapshot ?? null,
  };
}
