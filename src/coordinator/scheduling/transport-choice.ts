import { isIP } from 'node:net';
import type { TransportOffer } from '../../protocol/compute/http/shards';

/** How a hop is reached. */
export type HopTransport =
  | {
      readonly kind: 'ws-relay';
      /** Where other nodes that offer the same may reach it without the coordinator. */
      readonly direct?: { readonly host: string; readonly port: number };
    }
  | { readonly kind: 'http'; readonly host: string; readonly port: number }
  /** By another coordinator, over the link to it. */
  | { readonly kind: 'federation'; readonly offerId: string };

/** Host names and IPv4 addresses; nothing that could change the meaning of a URL. */
const HOST_PATTERN = /^[A-Za-z0-9](?:[A-Za-z0-9.-]{0,253}[A-Za-z0-9])?$/;

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
 * The address as a URL means it: `2130706433`, `0x7f.1` and `::ffff:7f00:1` all stand for 127.0.0.1. Null when the text
 * is more than a host.
 */
function meantHost(host: string): string | null {
  if (isIP(host) !== 6 && !HOST_PATTERN.test(host)) return null;
  if (host.includes('%')) return null;
  const text = `http://${isIP(host) === 6 ? `[${host}]` : host}/`;
  if (!URL.canParse(text)) return null;
  const meant = new URL(text).hostname.replace(/^\[|\]$/g, '').replace(/\.$/, '');
  const mapped = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(meant);
  if (mapped === null) return meant;
  const [high, low] = [Number.parseInt(mapped[1] ?? '', 16), Number.parseInt(mapped[2] ?? '', 16)];
  return [high >> 8, high & 255, low >> 8, low & 255].join('.');
}

const PRIVATE_NAME = /^localhost$|\.(?:localhost|local|internal)$/;

/**
 * Why a shard server's address is refused, or null. Link-local addresses are refused always: cloud providers hand out
 * credentials there. `public` refuses the operator's own networks as well. A name is judged as a name; what it resolves
 * to is not known here.
 */
export function hostProblem(host: string, policy: 'any' | 'public'): string | null {
  const meant = meantHost(host);
  if (meant === null) return 'it is not a host name or address';
  const version = isIP(meant);
  if (meant.startsWith('169.254.') || (version === 6 && /^fe[89ab]/.test(meant))) {
    return 'link-local addresses are refused';
  }
  if (policy === 'any') return null;
  if (version === 0) return PRIVATE_NAME.test(meant) ? 'it names a machine of a private network' : null;
  const isPrivate = version === 4 ? isPrivateV4(meant) : meant === '::' || meant === '::1' || /^f[cd]/.test(meant);
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
  if (relay !== undefined && connected) {
    const direct = ordered.find((offer) => offer.transport === 'ws-direct' && offer.version === '1');
    const directPort = direct?.port ?? 0;
    return source.host !== null && directPort > 0
      ? { kind: 'ws-relay', direct: { host: source.host, port: directPort } }
      : { kind: 'ws-relay' };
  }
  const http = ordered.find((offer) => offer.transport === 'http' || offer.transport === 'https');
  const port = http?.port !== undefined && http.port !== null && http.port > 0 ? http.port : source.port;
  if (http !== undefined && source.host !== null && port !== null && port > 0) {
    return { kind: 'http', host: source.host, port };
  }
  return null;
}
