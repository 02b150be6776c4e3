import { useEffect } from 'react';
import { startChatStore } from '../stores/chat-store';
import { showOpened, startLibraryStore } from '../stores/library-store';
import { startSessionsStore } from '../stores/sessions-store';
import { startSnapshotStore } from '../stores/snapshot-store';
import { setShortcutsOpen, showScreen, useUiStore } from '../stores/ui-store';
import { startOpenedLinks } from './opened-links';
import { registerBaseCommands } from './base-commands';
import { openPalette } from './CommandPalette';
import { shortcutFor } from './shortcuts';
import { startNewChat } from './start-new-chat';

function onKeyDown(event: KeyboardEvent): void {
  if (useUiStore.getState().welcomeOpen !== false) return;
  const action = shortcutFor(event, window.tore.platform);
  if (action === null) return;
  event.preventDefault();
  switch (action.kind) {
    case 'new-chat':
      return startNewChat();
    case 'palette':
      return openPalette();
    case 'shortcuts':
      return setShortcutsOpen(true);
    case 'screen':
      return showScreen(action.screen);
  }
}

/** Connects the stores to main and the keyboard to the screens, as long as the window lives. */
export function useWindowEvents(): void {
  useEffect(() => {
    const ends = [
      startSnapshotStore(),
      startChatStore(),
      startSessionsStore(),
      startOpenedLinks(),
      registerBaseCommands(),
      startLibraryStore((opened) => {
        showOpened(opened);
        showScreen('library');
      }),
      window.tore.on('screen-requested', ({ screen }) => showScreen(screen)),
    ];
    window.addEventListener('keydown', onKeyDown);
    return () => {
      ends.forEach((end) => end());
      window.removeEventListener('keydown', onKeyDown);
    };
  }, []);
}
