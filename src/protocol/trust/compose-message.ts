import type { Cryptography, Signer } from '../signing/ed25519';
import { advanceHandshake, type HandshakeSurroundings } from './advance-handshake';
import type { TrustResult } from './errors';
import { keyOf, otherSide, sideOf, type Handshake } from './handshake';
import { readHandshakeMessage, type HandshakeContent, type HandshakeMessage } from './handshake-message';
import type { KeyLink } from './key-link';
import { signStatement } from './statement';
import { TRUST_LIMITS } from './trust-limits';
import { refuseTrust } from './errors';

/** The party that writes. */
export interface MessageWriter {
  readonly nodeId: string;
  readonly name: string;
  readonly institution: string | null;
  readonly signer: Signer;
  /** From its first key to the one that signs. */
  readonly keyLinks: readonly KeyLink[];
  /** Keys of its computers. */
  readonly memberKeys?: readonly string[];
}

export interface MessageDraft {
  readonly writer: MessageWriter;
  readonly content: HandshakeContent;
  readonly nowMs: number;
}

function signed(
  place: Pick<HandshakeMessage, 'handshake_id' | 'sequence' | 'seen' | 'to'>,
  { writer, content, nowMs }: MessageDraft,
  cryptography: Cryptography,
): HandshakeMessage {
  const unsigned = {
    tore_spec: 'tore-0002' as const,
    type: 'handshake-message' as const,
    ...place,
    from: {
      node_id: writer.nodeId,
      public_key: writer.signer.publicKey,
      name: writer.name,
      institution: writer.institution,
      ...(writer.memberKeys === undefined || writer.memberKeys.length === 0
        ? {}
        : { member_keys: [...writer.memberKeys] }),
    },
    issued_at: new Date(nowMs).toISOString(),
    expires_at: new Date(nowMs + TRUST_LIMITS.maxMessageLifetimeMs).toISOString(),
    ...(writer.keyLinks.length === 0 ? {} : { key_links: [...writer.keyLinks] }),
    content,
  };
  return signStatement(unsigned, writer.signer, cryptography);
}

/** A message just written, and the handshake with it. Written messages pass the checks received ones pass. */
export type Composed = TrustResult<{ readonly message: HandshakeMessage; readonly handshake: Handshake }>;

function compose(
  handshake: Handshake | null,
  place: Pick<HandshakeMessage, 'handshake_id' | 'sequence' | 'seen' | 'to'>,
  draft: MessageDraft,
  cryptography: Cryptography,
  surroundings: HandshakeSurroundings,
): Composed {
  const message = readHandshakeMessage(signed(place, draft, cryptography), cryptography, draft.nowMs);
  if (!message.ok) return message;
  const advanced = advanceHandshake(handshake, message.value, cryptography, surroundings);
  return advanced.ok ? { ok: true, value: { message: message.value, handshake: advanced.value } } : advanced;
}

/** Begins a handshake with a party. */
export function composeProposal(
  handshakeId: string,
  to: HandshakeMessage['to'],
  draft: MessageDraft,
  cryptography: Cryptography,
): Composed {
  return compose(null, { handshake_id: handshakeId, sequence: 1, seen: 0, to }, draft, cryptography, {});
}

/** Writes the next message of a party, knowing everything in `handshake`. */
export function composeMessage(
  handshake: Handshake,
  draft: MessageDraft,
  cryptography: Cryptography,
  surroundings: HandshakeSurroundings = {},
): Composed {
  const side = sideOf(handshake, draft.writer.nodeId);
  if (side === null) return refuseTrust('wrongly-addressed', 'This key is no party of the handshake.');
  const receiver = handshake.parties[otherSide(side)];
  const place = {
    handshake_id: handshake.id,
    sequence: handshake.log[side].length + 1,
    seen: handshake.log[otherSide(side)].length,
    to: { node_id: receiver.nodeId, public_key: keyOf(receiver) },
  };
  return compose(handshake, place, draft, cryptography, surroundings);
}
