import { reasonOf } from '../../errors';

/** Redirects of one request; hubs need one or two. */
const MAX_REDIRECTS = 5;
/** Hosts to which the hub of a name sends readers of large files; each stands for the hosts below it too. */
const HUB_STORAGE: Readonly<Record<string, readonly string[]>> = {
  'huggingface.co': ['huggingface.co', 'hf.co'],
};

export interface GuardedRequest {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Sent as a bearer token to the host of `url` alone. */
  readonly accessToken?: string | undefined;
  /** Hosts beside the one of `url` to which it may send on; each stands for the hosts below it too. */
  readonly redirectHosts?: readonly string[] | undefined;
  readonly signal: AbortSignal;
}

/** A source sent on to where its files may not be read from. */
export class RedirectRefused extends Error {}

/**
 * GET that follows redirects only to the same host or those allowed, only encrypted (or as little as the first address),
 * and sends the token to the first address's origin alone.
 *
 * @throws `RedirectRefused`, or what `fetch` throws
 */
export async function guardedFetch(request: GuardedRequest): Promise<Response> {
  const first = new URL(request.url);
  let url = first;
  for (let hop = 0; hop <= MAX_REDIRECTS; hop++) {
    const isFirst = url.origin === first.origin;
    const response = await fetch(url, {
      redirect: 'manual',
      headers: {
        ...request.headers,
        ...(isFirst && request.accessToken !== undefined ? { authorization: `Bearer ${request.accessToken}` } : {}),
      },
      signal: request.signal,
    });
    const target = response.headers.get('location');
    if (response.status < 300 || response.status > 399 || target === null) return response;
    await response.body?.cancel();
    url = allowedTarget(target, url, first, request.redirectHosts);
  }
  throw new RedirectRefused(`${first.host} redirects more than ${MAX_REDIRECTS} times`);
}

function allowedTarget(target: string, from: URL, first: URL, others: readonly string[] = []): URL {
  let url: URL;
  try {
    url = new URL(target, from);
  } catch (thrown) {
    throw new RedirectRefused(`${first.host} redirects to no address: ${reasonOf(thrown)}`);
  }
  const isSecret = url.protocol === 'https:' || (url.protocol === 'http:' && first.protocol === 'http:');
  if (!isSecret) throw new RedirectRefused(`${first.host} redirects to an address that is not encrypted`);
  const hosts = [first.hostname, ...(HUB_STORAGE[first.hostname] ?? []), ...others];
  if (!hosts.some((host) => url.hostname === host || url.hostname.endsWith(`.${host}`))) {
    throw new RedirectRefused(`${first.host} redirects to ${url.host.slice(0, 100)}, which is not allowed`);
  }
  return url;
}
