import type { Conversation } from '../../../protocol/conversation/conversation';
import type { ChatEntry, ConversationSummary, ConversationView } from '../../../contract/chat';
import { readAnswer } from './answer-record';
import { branchOf, roleOf, textOf } from './conversation-document';

/** One line of the list of conversations. */
export function summaryOf(document: Conversation): ConversationSummary {
  return { id: document.id, title: document.title, updatedAt: document.updated_at };
}

/** What a window shows of a conversation: the branch that ends at its head. */
export function viewOf(document: Conversation): ConversationView {
  const entries = branchOf(document).flatMap((message): ChatEntry[] => {
    const role = roleOf(document, message);
    const common = { id: message.id, text: textOf(message), createdAt: message.created_at ?? document.created_at };
    if (role === 'human') return [{ role: 'user', ...common }];
    if (role !== 'model') return [];
    const { state, facts } = readAnswer(message);
    return [{ role: 'assistant', ...common, state, facts }];
  });
  return { ...summaryOf(document), entries };
}
