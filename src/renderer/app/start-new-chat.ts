import { NEW_CONVERSATION, openConversation, setDraft } from '../stores/chat-store';
import { focusComposer, showScreen } from '../stores/ui-store';

/** Shows Chat with an empty page for a new conversation; `question` is put into the composer. */
export function startNewChat(question?: string): void {
  openConversation(null);
  if (question !== undefined) setDraft(NEW_CONVERSATION, question);
  showScreen('chat');
  focusComposer();
}
