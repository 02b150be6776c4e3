import { Type } from 'typebox';
import type { Failure } from '../protocol/result';

/**
 * A link of this app, `tore://<route>/…`, as it was clicked in a mail or on a page. It is read and shown, and nothing
 * happens before the person agrees: whoever wrote the link is a stranger.
 */
export interface SessionDeepLink {
  readonly route: 'session';
  readonly sessionId: string;
  /** Address of the coordinator that hosts the session. */
  readonly hostUrl: string;
  /** The whole link, as `sessions:join` takes it. */
  readonly link: string;
}

/** Names a coordinator to work for: `tore://coordinator?url=<address>`. */
export interface CoordinatorDeepLink {
  readonly route: 'coordinator';
  readonly url: string;
}

/** Every kind of link; a new route adds its form here and its reader in `main/services/deep-links/routes.ts`. */
export type DeepLink = SessionDeepLink | CoordinatorDeepLink;

/** A link that was opened from outside, or why it was not taken. */
export type OpenedLink =
  { readonly kind: 'link'; readonly link: DeepLink } | { readonly kind: 'refused'; readonly error: Failure };

export const DEEP_LINK_CALLS = {
  /** The links that were opened since this was asked last. */
  'links:take': Type.Null(),
} as const;

export interface DeepLinkCallValues {
  'links:take': readonly OpenedLink[];
}
