import type { DeepLink } from '../../contract';
import { takeSessionLink } from '../stores/sessions-store';
import { callTore } from '../stores/tore-api';
import { askToJoin } from '../stores/link-store';
import { showScreen, useUiStore } from '../stores/ui-store';
import { notifyFailure } from './notify';

/** Shows a link of the app that was opened from outside. Each kind asks before anything is contacted or changed. */
function showLink(link: DeepLink): void {
  switch (link.route) {
    case 'session':
      void takeSessionLink(link);
      return showScreen('sessions');
    case 'coordinator':
      return askToJoin(link.url);
  }
}

async function takeLinks(): Promise<void> {
  const opened = await callTore('links:take', null);
  if (!opened.ok) return;
  for (const each of opened.value) {
    if (each.kind === 'link') showLink(each.link);
    else notifyFailure('openLink', each.error);
  }
}

/**
 * Follows the links main is given; returns the function that ends it. Until Welcome is over they wait: nobody joins anything
 * before they know what this app is.
 */
export function startOpenedLinks(): () => void {
  const take = (): void => {
    if (useUiStore.getState().welcomeOpen === false) void takeLinks();
  };
  take();
  const ends = [
    window.tore.on('links-opened', take),
    useUiStore.subscribe((now, before) => {
      if (now.welcomeOpen !== before.welcomeOpen) take();
    }),
  ];
  return () => ends.forEach((end) => end());
}
