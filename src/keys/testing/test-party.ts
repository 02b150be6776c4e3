import type { HandshakeContent } from '../../protocol/trust/handshake-message';
import type { MessageWriter } from '../../protocol/trust/compose-message';
import { signKeyLink } from '../../protocol/trust/key-link';
import { partyIdOf } from '../../protocol/trust/party-id';
import { nodeCryptography, signerOfSeed } from '../ed25519';

/** A party of a test with a key of its own; the same number gives the same key. */
export function testParty(number: number, name = `Lab ${number}`): MessageWriter {
  const signer = signerOfSeed(new Uint8Array(32).fill(number));
  return {
    nodeId: partyIdOf(signer.publicKey, nodeCryptography),
    name,
    institution: `${name} University`,
    signer,
    keyLinks: [],
  };
}

/** The same party after it has replaced its key. */
export function withNewKey(party: MessageWriter, number: number): MessageWriter {
  const signer = signerOfSeed(new Uint8Array(32).fill(number));
  const link = signKeyLink(
    {
      tore_spec: 'tore-0002',
      type: 'key-link',
      id: `link-${number}`,
      node_id: party.nodeId,
      issued_at: '2026-01-15T00:00:00.000Z',
      metadata: {},
    },
    { old: party.signer, new: signer },
    nodeCryptography,
  );
  return { ...party, signer, keyLinks: [...party.keyLinks, link] };
}

type ContentOf<Kind extends HandshakeContent['kind']> = Extract<HandshakeContent, { kind: Kind }>;

export function proposal(
  nowMs: number,
  quota: ContentOf<'propose'>['quota'] = { count: 3, window_seconds: 3_600 },
): ContentOf<'propose'> {
  return {
    kind: 'propose',
    purpose: 'Compare two models on chemistry.',
    governance_mode: 'voluntary',
    quota,
    handshake_expires_at: new Date(nowMs + 30 * 86_400_000).toISOString(),
  };
}

export function question(id: string): ContentOf<'challenge'> {
  const challenge = { id, domain: 'science', subdomain: 'chemistry', form: 'question' as const, prompt: `Why, ${id}?` };
  return { kind: 'challenge', challenge };
}
