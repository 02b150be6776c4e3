import { isIP } from 'node:net';
import type { TransportOffer } from '../../protocol/compute/http/shards';

/** How a hop is reached. */
export type HopTransport =
  { readonly kind: 'ws-relay' } | { readonly kind: 'http'; readonly host: string; readonly port: number };

/** Host names and addresses; nothing that could change the meaning of a URL. */
const HOST_PATTERN = /^[A-Za-z0-9](?:[A-Za-z0-9.-]{0,253}[A-Za-z0-9])?$|^[0-9a-fA-F:]{2,45}$/;

function isPrivateV4(address: string): boolean {
  const [first = 0, second = 0] = address.split('.').map(Number);
  return (
    first === 0 ||
    first === 10 ||
    first === 127 ||
    (first === 172 && second >= 16 && second <= 31) ||
    (first === 192 && second === 168) ||
    (first === 100 && second >= 64 && second <= 127)
  );
}

/**
 * Why a shard server's address is refused, or null. Link-local addresses are refused always: cloud providers hand out
 * credentials there. `public` refuses the operator's own networks as well.
 */
export function hostProblem(host: string, policy: 'any' | 'public'): string | null {
  if (!HOST_PATTERN.test(host)) return 'it is not a host name or address';
  const lower = host.toLowerCase();
  const version = isIP(lower);
  const mapped = version === 6 && lower.startsWith('::ffff:') ? lower.slice(7) : lower;
  if (mapped.startsWith('169.254.') || (version === 6 && /^fe[89ab]/.test(lower)))
    return 'link-local addresses are refused';
  if (policy === 'any') return null;
  if (version === 0) {
    return lower === 'localhost' ||
      lower.endsWith('.localhost') ||
      lower.endsWith('.local') ||
      lower.endsWith('.internal')
      ? 'it names a machine of a private network'
      : null;
  }
  const isPrivate =
    isIP(mapped) === 4 ? isPrivateV4(mapped) : lower === '::' || lower === '::1' || /^f[cd]/.test(lower);
  return isPrivate ? 'it is an address of a private network' : null;
}

/** What a shard offered, with the baseline's meaning of silence: plain HTTP at its host and port. */
export interface TransportSource {
  readonly host: string | null;
  readonly port: number | null;
  readonly transports: readonly TransportOffer[];
}

/** The most preferred offer that works now: `ws-relay` needs the node's connection, `http` an address. */
export function chooseTransport(source: TransportSource, connected: boolean): HopTransport | null {
  const ordered = [...source.transports].sort((left, right) => left.priority - right.priority);
  const relay = ordered.find((offer) => offer.transport === 'ws-relay');
  if (relay !== undefined && connected) return { kind: 'ws-relay' };
  const http = ordered.find((offer) => offer.transport === 'http' || offer.transport === 'https');
  const port = http?.port !== undefined && http.port !== null && http.port > 0 ? http.port : source.port;
  if (http !== undefined && source.host !== null && port !== null && port > 0) {
    return { kind: 'http', host: source.host, port };
  }
  return null;
}
