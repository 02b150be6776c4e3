import { nodeEd25519 } from '../../keys/ed25519';
import type { SessionParticipant, Turn } from '../../protocol/session/session';
import { turnSigningText } from '../../protocol/signing/sign-document';

/** Whether a turn was signed with the key of its participant, for this session. The host is not believed. */
export function isSignedTurn(turn: Turn, participant: SessionParticipant | undefined, sessionId: string): boolean {
  const key = participant?.public_key;
  const { signature } = turn;
  if (typeof key !== 'string' || signature === null || signature === undefined) return false;
  if (turn.session_id !== sessionId || signature.key_id !== nodeEd25519.keyIdOf(key)) return false;
  const text = turnSigningText(turn);
  return text.ok && nodeEd25519.verify(key, text.value, signature.value);
}
