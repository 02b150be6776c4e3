import { Type, type Static } from 'typebox';
import { Compile } from 'typebox/compile';
import { Identifier, Maybe, Metadata, PublicKey, Signature, Timestamp } from '../documents/fields';
import { toEpochMs } from '../documents/time';
import type { Ed25519, Signer } from '../signing/ed25519';
import { refuseTrust, type TrustResult } from './errors';
import { boundedCanonicalJson } from './statement';
import { TRUST_LIMITS } from './trust-limits';

/**
 * Says that one key replaces another (tore-0002, ours). The old key hands over, the new one takes over, so both sign. What
 * the old key signed before stays valid; what it signs after `issued_at` does not count.
 */
export const KeyLink = Type.Object({
  tore_spec: Type.Literal('tore-0002'),
  type: Type.Literal('key-link'),
  id: Identifier,
  /** The party that changes its key; its id stays. */
  node_id: Identifier,
  old_public_key: PublicKey,
  new_public_key: PublicKey,
  reason: Maybe(Type.String({ maxLength: TRUST_LIMITS.maxNameLength })),
  issued_at: Timestamp,
  metadata: Metadata,
  /** By the old key and by the new one. */
  signatures: Type.Array(Signature, { minItems: 2, maxItems: 2 }),
});
export type KeyLink = Static<typeof KeyLink>;

const checker = Compile(KeyLink);

function linkText(link: Omit<KeyLink, 'signatures'>): TrustResult<string> {
  return boundedCanonicalJson(Object.fromEntries(Object.entries(link).filter(([name]) => name !== 'signatures')));
}

/** Signs the handing over with both keys. */
export function signKeyLink(
  unsigned: Omit<KeyLink, 'signatures' | 'old_public_key' | 'new_public_key'>,
  signers: { readonly old: Signer; readonly new: Signer },
  ed25519: Ed25519,
): KeyLink {
  const link = { ...unsigned, old_public_key: signers.old.publicKey, new_public_key: signers.new.publicKey };
  const text = linkText(link);
  if (!text.ok) throw new TypeError(text.error.message);
  const signatures = [signers.old, signers.new].map((signer) => ({
    alg: 'Ed25519' as const,
    key_id: ed25519.keyIdOf(signer.publicKey),
    value: signer.sign(text.value),
  }));
  return { ...link, signatures };
}

/** Reads a key link from outside: its form and both signatures. Works without a network. */
export function readKeyLink(value: unknown, ed25519: Ed25519): TrustResult<KeyLink> {
  if (!checker.Check(value)) {
    const [first] = checker.Errors(value);
    return refuseTrust('key-link-invalid', `This is not a valid key link: it ${first?.message ?? 'does not fit'}.`);
  }
  if (value.old_public_key === value.new_public_key) {
    return refuseTrust('key-link-invalid', 'A key cannot replace itself.');
  }
  const text = linkText(value);
  if (!text.ok) return text;
  for (const [publicKey, whose] of [
    [value.old_public_key, 'replaced'],
    [value.new_public_key, 'new'],
  ] as const) {
    const keyId = ed25519.keyIdOf(publicKey);
    const made = value.signatures.find(({ key_id: id }) => id === keyId);
    if (made === undefined || !ed25519.verify(publicKey, text.value, made.value)) {
      return refuseTrust('key-link-invalid', `The signature of the ${whose} key on the key link does not hold.`);
    }
  }
  return { ok: true, value };
}

/** Of an object whose signer may have replaced the key it is known by: from that key to the one that signs. */
export const KeyLinks = Maybe(Type.Array(Type.Unknown(), { maxItems: TRUST_LIMITS.maxKeyLinks }));

/** Checks that a key is the one a party is known by, or the one that links lead to from it. */
export function checkPartyKey(
  party: { readonly node_id: string; readonly public_key: string },
  publicKey: string,
  links: readonly unknown[],
  ed25519: Ed25519,
): TrustResult<void> {
  if (publicKey === party.public_key) return { ok: true, value: undefined };
  const followed = followKeyLinks({ nodeId: party.node_id, publicKey: party.public_key }, links, ed25519);
  if (!followed.ok) return followed;
  return followed.value.publicKey === publicKey
    ? { ok: true, value: undefined }
    : refuseTrust('signature-wrong', 'It is not signed with the key of the party it says it is from.');
}

/**
 * Follows a chain of links from a key a party is known by to the one it uses now. Each link must be by the same party and
 * begin where the one before it ended.
 *
 * @returns the last key and the time of its link; without links the known key and `null`
 */
export function followKeyLinks(
  known: { readonly nodeId: string; readonly publicKey: string },
  links: readonly unknown[],
  ed25519: Ed25519,
): TrustResult<{ readonly publicKey: string; readonly replacedAtMs: number | null }> {
  if (links.length > TRUST_LIMITS.maxKeyLinks) {
    return refuseTrust('key-link-invalid', `A key may have been replaced at most ${TRUST_LIMITS.maxKeyLinks} times.`);
  }
  let { publicKey } = known;
  let replacedAtMs: number | null = null;
  for (const candidate of links) {
    const read = readKeyLink(candidate, ed25519);
    if (!read.ok) return read;
    const link = read.value;
    if (link.node_id !== known.nodeId) return refuseTrust('key-link-invalid', 'The key link is of another party.');
    // A chain may begin before the key we know.
    if (link.old_public_key !== publicKey) {
      if (replacedAtMs === null) continue;
      return refuseTrust('key-link-invalid', 'The key links do not form a chain.');
    }
    publicKey = link.new_public_key;
    replacedAtMs = toEpochMs(link.issued_at);
  }
  return { ok: true, value: { publicKey, replacedAtMs } };
}
