import { createHash } from 'node:crypto';
import type { SessionParticipant, Turn } from '../../protocol/session/session';
import type { Ed25519 } from '../../protocol/signing/ed25519';
import { turnSigningText } from '../../protocol/signing/sign-document';
import { verifySignature } from '../identity/node-identity';

const KEY_ID_DIGITS = 16;

/** Signatures of turns with the platform's own Ed25519. */
export const participantEd25519: Ed25519 = {
  keyIdOf: (publicKey) =>
    createHash('sha256').update(Buffer.from(publicKey, 'base64')).digest('hex').slice(0, KEY_ID_DIGITS),
  verify: verifySignature,
};

/** Whether a turn was signed with the key of its participant, for this session. The host is not believed. */
export function isSignedTurn(turn: Turn, participant: SessionParticipant | undefined, sessionId: string): boolean {
  const key = participant?.public_key;
  const { signature } = turn;
  if (typeof key !== 'string' || signature === null || signature === undefined) return false;
  if (turn.session_id !== sessionId || signature.key_id !== participantEd25519.keyIdOf(key)) return false;
  const text = turnSigningText(turn);
  return text.ok && participantEd25519.verify(key, text.value, signature.value);
}
