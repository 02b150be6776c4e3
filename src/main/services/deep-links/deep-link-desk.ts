import type { OpenedLink } from '../../../contract/deep-links';
import type { SendEvent } from '../../ipc/send-event';
import type { Log } from '../log';
import { readDeepLink } from './read-deep-link';

/** Links that wait for the window; a page that opens one after another fills no memory. */
const MAX_WAITING = 10;

/** Keeps the links that were opened from outside until the window takes them, and asks the person. */
export class DeepLinkDesk {
  private readonly waiting: OpenedLink[] = [];

  constructor(
    private readonly send: SendEvent,
    private readonly log: Log,
  ) {}

  open(links: readonly string[]): void {
    for (const text of links) {
      if (this.waiting.length === MAX_WAITING) break;
      const read = readDeepLink(text);
      // A link may hold the code of an invitation, so the log has its kind and no more.
      this.log.info(read.ok ? { route: read.value.route } : { code: read.error.code }, 'a link was opened');
      this.waiting.push(read.ok ? { kind: 'link', link: read.value } : { kind: 'refused', error: read.error });
    }
    if (this.waiting.length > 0) this.send('links-opened', null);
  }

  take(): readonly OpenedLink[] {
    return this.waiting.splice(0);
  }
}
