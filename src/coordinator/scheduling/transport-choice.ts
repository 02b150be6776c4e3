import { isIP } from 'node:net';
import type { TransportOffer } from '../../protocol/compute/http/shards';

/** How a hop is reached. */
export type HopTransport =
  | {
      readonly kind: 'ws-relay';
      /** Where other nodes that offer the same may reach it without the coordinator. */
      readonly direct?: { readonly host: string; readonly port: number };
    }
  | { readonly kind: 'http'; readonly scheme: 'http' | 'https'; readonly host: string; readonly port: number }
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

/** Version of the transports of this project's own making. */
const OWN_VERSION = '1';
/** Versions of the baseline, which its clients name or leave empty. */
const BASELINE_VERSION = /^(?:[01](?:\.\d+){0,2})?$/;

function isPort(port: number | null | undefined): port is number {
  return typeof port === 'number' && port > 0;
}

/** How other nodes reach one that is connected, where it offers that. */
function directOf({ host, transports }: TransportSource): { host: string; port: number } | null {
  const offer = transports.find(({ transport, version }) => transport === 'ws-direct' && version === OWN_VERSION);
  return host !== null && isPort(offer?.port) ? { host, port: offer.port } : null;
}

/** What one offer comes to now, or null. `ws-direct` is a way from node to node and no offer of its own. */
function transportOf(offer: TransportOffer, source: TransportSource, connected: boolean): HopTransport | null {
  switch (offer.transport) {
    case 'ws-relay': {
      if (!connected || offer.version !== OWN_VERSION) return null;
      const direct = directOf(source);
      return direct === null ? { kind: 'ws-relay' } : { kind: 'ws-relay', direct };
    }
    case 'http':
    case 'https': {
      const port = isPort(offer.port) ? offer.port : source.port;
      if (!BASELINE_VERSION.test(offer.version) || source.host === null || !isPort(port)) return null;
      return { kind: 'http', scheme: offer.transport, host: source.host, port };
    }
    default:
      return null;
  }
}

/** The most preferred offer that works now: `ws-relay` needs the node's connection, `http` and `https` an address. */
export function chooseTransport(source: TransportSource, connected: boolean): HopTransport | null {
  const ordered = [...source.transports].sort((left, right) => left.priority - right.priority);
  for (const offer of ordered) {
    const transport = transportOf(offer, source, connected);
    if (transport !== null) return transport;
  }
  return null;
}
