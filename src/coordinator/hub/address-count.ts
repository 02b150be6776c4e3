import { isIPv6 } from 'node:net';

/** Leading groups of an IPv6 address that name a network; a machine chooses the rest as it likes. */
const NETWORK_GROUPS = 4;
const ALL_GROUPS = 8;
const MAPPED_IPV4 = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i;

/** What counts as one address: an IPv4 address, or the /64 of an IPv6 one. */
export function addressGroup(address: string): string {
  const mapped = MAPPED_IPV4.exec(address)?.[1];
  if (mapped !== undefined) return mapped;
  const [bare = address] = address.split('%');
  if (!isIPv6(bare)) return address;
  const [head = '', tail] = bare.toLowerCase().split('::');
  const groups = head === '' ? [] : head.split(':');
  const after = tail === undefined || tail === '' ? [] : tail.split(':');
  const missing = Math.max(0, ALL_GROUPS - groups.length - after.length);
  const all = [...groups, ...Array.from<string>({ length: missing }).fill('0'), ...after];
  return all
    .slice(0, NETWORK_GROUPS)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(':');
}

/** How many connections each address has. */
export class AddressCount {
  private readonly counts = new Map<string, number>();

  /** A connection came; the answer ends it, once. */
  enter(address: string): () => void {
    const group = addressGroup(address);
    this.counts.set(group, (this.counts.get(group) ?? 0) + 1);
    let isInside = true;
    return () => {
      if (!isInside) return;
      isInside = false;
      const left = (this.counts.get(group) ?? 1) - 1;
      if (left === 0) this.counts.delete(group);
      else this.counts.set(group, left);
    };
  }

  of(address: string): number {
    return this.counts.get(addressGroup(address)) ?? 0;
  }
}
