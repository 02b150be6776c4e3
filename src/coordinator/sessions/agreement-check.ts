import { success } from '../../protocol/result';
import { isShallow } from '../../protocol/documents/shallow-json';
import { toEpochMs } from '../../protocol/documents/time';
import { SESSION_LIMITS } from '../../protocol/session/limits';
import { refuseInSession, type SessionResult } from '../../protocol/session/session-host';
import type { Ed25519 } from '../../protocol/signing/ed25519';
import { verifyAgreement } from '../../protocol/signing/verify-document';
import type { Agreement } from '../../protocol/trust/agreement';
import { TRUST_LIMITS } from '../../protocol/trust/trust-limits';

function invalid(why: string, suggestion: string): SessionResult<never> {
  return refuseInSession('agreement-invalid', `The agreement does not carry a session: ${why}.`, { suggestion });
}

/** Whether somebody may stand on an agreement now: it is signed by all, in force, and theirs. None at all passes. */
export function checkAgreement(
  agreement: Agreement | null,
  isParty: boolean,
  ed25519: Ed25519,
  nowMs: number,
): SessionResult<void> {
  if (agreement === null) return success(undefined);
  if (!isShallow(agreement, SESSION_LIMITS.maxDepth)) {
    return invalid(`it nests more than ${SESSION_LIMITS.maxDepth} levels`, 'Make a simpler one.');
  }
  // No larger one can be made by a handshake, and whoever enters gets it beside participants and turns.
  if (Buffer.byteLength(JSON.stringify(agreement), 'utf8') > TRUST_LIMITS.maxMessageBytes) {
    return invalid('it is larger than an agreement can be', 'Make a shorter one.');
  }
  const verified = verifyAgreement(agreement, ed25519);
  if (!verified.ok) return invalid(verified.error.message.replace(/\.$/, ''), 'Let every party sign it first.');
  if (!isParty) {
    return invalid(
      'this computer belongs to none of its parties',
      'Show the agreement to this coordinator first (Discovery, Agreements), or use one of your own.',
    );
  }
  const { effective_at: from, expires_at: until } = agreement.terms;
  if (agreement.status !== 'active') return invalid(`it is ${agreement.status}`, 'Make a new one.');
  if (toEpochMs(from) > nowMs) return invalid(`it is in force only from ${from}`, 'Wait until then.');
  if (typeof until === 'string' && toEpochMs(until) <= nowMs) return invalid(`it ended at ${until}`, 'Renew it.');
  return success(undefined);
}
