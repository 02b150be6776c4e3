import { useEffect } from 'react';
import { NEW_CONVERSATION, openConversation, setDraft, startChatStore } from '../stores/chat-store';
import { startSnapshotStore } from '../stores/snapshot-store';
import { focusComposer, showScreen, useUiStore } from '../stores/ui-store';
import { shortcutFor } from './shortcuts';

/** Shows Chat with an empty page for a new conversation; `question` is put into the composer. */
export function startNewChat(question?: string): void {
  openConversation(null);
  if (question !== undefined) setDraft(NEW_CONVERSATION, question);
  showScreen('chat');
  focusComposer();
}

function onKeyDown(event: KeyboardEvent): void {
  if (useUiStore.getState().welcomeOpen !== false) return;
  const action = shortcutFor(event, window.tore.platform);
  if (action === null) return;
  event.preventDefault();
  if (action.kind === 'new-chat') startNewChat();
  else showScreen(action.screen);
}

/** Connects the stores to main and the keyboard to the screens, as long as the window lives. */
export function useWindowEvents(): void {
  useEffect(() => {
    const ends = [
      startSnapshotStore(),
      startChatStore(),
      window.tore.on('screen-requested', ({ screen }) => showScreen(screen)),
    ];
    window.addEventListener('keydown', onKeyDown);
    return () => {
      ends.forEach((end) => end());
      window.removeEventListener('keydown', onKeyDown);
    };
  }, []);
}
