import type { DeepLink } from '../../../contract/deep-links';
import { parseCoordinatorUrl } from '../../../node';
import { success, type Result } from '../../../protocol/result';
import { readSessionLink } from '../../../protocol/session/session-link';
import { mainFailure } from '../../errors';

/** Reads the links of one route. Pure: nothing is opened, contacted or changed. */
type DeepLinkReader<Route extends DeepLink['route']> = (
  link: string,
) => Result<Extract<DeepLink, { readonly route: Route }>>;

/**
 * The kinds of links this app opens, by the word behind `tore://`. To add one, add its form to `DeepLink`
 * (`contract/deep-links.ts`), its reader here, and the question it asks to the window (`renderer/app/opened-links.ts`).
 */
export const DEEP_LINK_ROUTES: { readonly [Route in DeepLink['route']]: DeepLinkReader<Route> } = {
  session: (link) => {
    const read = readSessionLink(link);
    if (!read.ok) return read;
    const { sessionId, hostUrl } = read.value;
    return success({ route: 'session', sessionId, hostUrl, link });
  },
  coordinator: (link) => {
    const address = new URL(link).searchParams.getAll('url');
    const [url = ''] = address;
    const parsed = parseCoordinatorUrl(url);
    if (address.length === 1 && parsed.ok && !/[?#@]/.test(url)) return success({ route: 'coordinator', url });
    return mainFailure('link-invalid', 'This link names no coordinator. Nothing was opened.', {
      suggestion: 'Ask whoever sent it for the whole link, or enter the address in Settings.',
    });
  },
};
