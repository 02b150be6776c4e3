import { networkInterfaces } from 'node:os';

const WILDCARD_HOSTS: readonly string[] = ['0.0.0.0', '::', ''];

/** Address to announce when listening on all of them: the first that is not loopback. */
export function announcedAddress(host: string): string {
  if (!WILDCARD_HOSTS.includes(host)) return host;
  const addresses = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  return addresses.find((one) => !one.internal && one.family === 'IPv4')?.address ?? '127.0.0.1';
}
