import { isShallow } from '../../protocol/documents/shallow-json';
import { success } from '../../protocol/result';
import { SESSION_LIMITS } from '../../protocol/session/limits';
import type { Turn } from '../../protocol/session/session';
import {
  editedTurnOf,
  refuseInSession,
  type PostedTurn,
  type SessionResult,
} from '../../protocol/session/session-host';
import { comparableJson } from '../../protocol/signing/canonical-json';
import type { Ed25519 } from '../../protocol/signing/ed25519';
import { turnSigningText } from '../../protocol/signing/sign-document';

const UUID_PATTERN = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** Ids of the turns that a turn points to. */
export function turnsPointedTo(turn: PostedTurn): string[] {
  return [turn.in_reply_to, turn.follows, editedTurnOf(turn)].filter((id) => typeof id === 'string');
}

/** Whether a turn that came again is the one that is stored, whatever the order of its fields. */
export function sameTurn(stored: Turn, posted: PostedTurn): boolean {
  const { seq: _seq, ...rest } = stored;
  return comparableJson(rest) === comparableJson(posted);
}

/** What can be said of a turn without looking at its session: its size, its fields, its signature. */
export function checkTurn(turn: PostedTurn, publicKey: string, ed25519: Ed25519): SessionResult<void> {
  if (!UUID_PATTERN.test(turn.id)) return refuseInSession('turn-invalid', 'The id of the turn is not a UUID.');
  if ('seq' in turn) return refuseInSession('turn-invalid', 'The number of a turn is given by its host.');
  if (!isShallow(turn, SESSION_LIMITS.maxDepth)) {
    return refuseInSession('limit-reached', `A turn nests at most ${SESSION_LIMITS.maxDepth} levels.`);
  }
  if (turn.content.length === 0) return refuseInSession('turn-invalid', 'The turn is empty.');
  if (turn.content.length > SESSION_LIMITS.maxParts) {
    return refuseInSession('limit-reached', `A turn has at most ${SESSION_LIMITS.maxParts} parts.`);
  }
  if (Buffer.byteLength(JSON.stringify(turn), 'utf8') > SESSION_LIMITS.maxTurnBytes) {
    return refuseInSession('limit-reached', 'The turn is too large: more than 1 MiB with its files.', {
      suggestion: 'Send smaller files, or put them where the others can fetch them.',
    });
  }
  const { signature } = turn;
  if (signature === null || signature === undefined) {
    return refuseInSession('signature-missing', 'The turn is not signed.');
  }
  const text = turnSigningText(turn);
  if (!text.ok) return refuseInSession('turn-invalid', text.error.message);
  const isHis = signature.key_id === ed25519.keyIdOf(publicKey);
  if (isHis && ed25519.verify(publicKey, text.value, signature.value)) return success(undefined);
  return refuseInSession('signature-wrong', 'The signature of the turn was not made with the key of this connection.');
}
