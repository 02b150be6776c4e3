import type { DeepLink } from '../../contract';
import { takeSessionLink } from '../stores/sessions-store';
import { callTore } from '../stores/tore-api';
import { askToJoin } from '../stores/link-store';
import { showScreen } from '../stores/ui-store';
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

/** Follows the links main is given; returns the function that ends it. */
export function startOpenedLinks(): () => void {
  void takeLinks();
  return window.tore.on('links-opened', () => void takeLinks());
}
