import type { Cryptography } from '../signing/ed25519';

/**
 * The node id of a party (tore-0002): a UUID of version 8 (RFC 9562) made of the SHA-256 of its first public key. Whoever
 * restores the key from its words alone has the id again; it stays when the key is replaced.
 */
export function partyIdOf(firstPublicKey: string, cryptography: Cryptography): string {
  const digits = cryptography.sha256(`tore-0002 party\n${firstPublicKey}`);
  const variant = '89ab'.charAt(Number.parseInt(digits.charAt(16), 16) % 4);
  const parts = [digits.slice(0, 8), digits.slice(8, 12), `8${digits.slice(13, 16)}`];
  return [...parts, `${variant}${digits.slice(17, 20)}`, digits.slice(20, 32)].join('-');
}

/** Whether an id says it is made of a key. Ids of other programs, of other UUID versions, say nothing. */
export function isPartyIdForm(nodeId: string): boolean {
  return /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/.test(nodeId);
}
