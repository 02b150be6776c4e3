import type { DeepLink } from '../../../contract/deep-links';
import type { Result } from '../../../protocol/result';
import { mainFailure } from '../../errors';
import { DEEP_LINK_ROUTES } from './routes';

/** Scheme of the app's links, as the operating system knows it. */
export const LINK_SCHEME = 'tore';

/** Longer than any link this app writes; what a command line or a page hands over is not read further. */
const MAX_LINK_LENGTH = 4_000;
/** Links opened at one start: somebody clicks one. */
const MAX_LINKS = 10;

const FORM = /^tore:\/\/([a-z][a-z-]{0,30})(?:[/?].*)?$/i;
/** No space and no control character: they could show one link and mean another. */
const UNPRINTABLE = /[\s\p{Cc}\p{Cf}]/u;

function isRoute(name: string): name is DeepLink['route'] {
  return Object.hasOwn(DEEP_LINK_ROUTES, name);
}

/** Reads a link that somebody outside the app wants opened. Hostile until it is read; nothing is opened here. */
export function readDeepLink(text: string): Result<DeepLink> {
  const form = text.length > MAX_LINK_LENGTH || UNPRINTABLE.test(text) ? null : FORM.exec(text);
  if (form === null) {
    return mainFailure('link-invalid', 'This is not a link of Tore. Nothing was opened.', {
      suggestion: 'Ask whoever sent it for the whole link.',
    });
  }
  const route = form[1]?.toLowerCase() ?? '';
  if (!isRoute(route)) {
    return mainFailure('link-unknown', `Links of the kind “${route}” are not known to this version of the app.`, {
      suggestion: 'A newer version may open it. Nothing was done.',
    });
  }
  return DEEP_LINK_ROUTES[route](text);
}

/** The links among the arguments the app was started with: how Windows and Linux say which link was clicked. */
export function linksOfArguments(argumentsOfApp: readonly string[]): readonly string[] {
  return argumentsOfApp.filter((argument) => /^tore:/i.test(argument)).slice(0, MAX_LINKS);
}
