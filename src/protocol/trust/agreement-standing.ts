import { toEpochMs } from '../documents/time';
import type { Cryptography } from '../signing/ed25519';
import { verifyAgreement } from '../signing/verify-document';
import type { Agreement } from './agreement';
import { validateAgreement } from './check-agreement';
import { refuseTrust, type TrustResult } from './errors';
import { checkPartyKey } from './key-link';
import { agreementHash, readTermination, type TerminationNotice } from './termination';

/** Whether an agreement counts at a time. */
export type AgreementStanding = 'not-yet' | 'in-force' | 'expired' | 'terminated';

/** Where a signed agreement stands, with the terminations that are known of it. */
export function agreementStanding(
  { status, terms }: Pick<Agreement, 'status' | 'terms'>,
  terminations: readonly Pick<TerminationNotice, 'effective_at'>[],
  nowMs: number,
): AgreementStanding {
  if (status === 'terminated') return 'terminated';
  if (terminations.some(({ effective_at: at }) => toEpochMs(at) <= nowMs)) return 'terminated';
  const { effective_at: from, expires_at: to } = terms;
  if (status === 'expired' || (typeof to === 'string' && toEpochMs(to) <= nowMs)) return 'expired';
  return toEpochMs(from) > nowMs ? 'not-yet' : 'in-force';
}

/** Checks form and every signature of an agreement that somebody shows, and that it is in force. */
export function checkShownAgreement(value: unknown, cryptography: Cryptography, nowMs: number): TrustResult<Agreement> {
  const valid = validateAgreement(value);
  if (!valid.ok) return refuseTrust('message-invalid', valid.error.message);
  const verified = verifyAgreement(valid.value, cryptography);
  if (!verified.ok) return refuseTrust('signature-wrong', verified.error.message);
  const standing = agreementStanding(valid.value, [], nowMs);
  if (standing === 'in-force') return valid;
  const { effective_at: from, expires_at: to } = valid.value.terms;
  const why = {
    'not-yet': `it begins at ${from}`,
    expired: `it ended at ${to ?? from}`,
    terminated: 'its parties have ended it',
  }[standing];
  return refuseTrust('agreement-not-in-force', `The agreement is not in force: ${why}.`, {
    suggestion: standing === 'not-yet' ? 'Show it again then.' : 'Make a new agreement with the institution.',
  });
}

/** Checks that a notice ends this very agreement, and comes from one of its parties, whose key may have been replaced. */
export function checkTermination(
  value: unknown,
  agreement: Agreement,
  cryptography: Cryptography,
): TrustResult<TerminationNotice> {
  const read = readTermination(value, cryptography);
  if (!read.ok) return read;
  const { party, agreement_id: id, agreement_hash: hash } = read.value;
  const signed = agreementHash(agreement, cryptography);
  if (!signed.ok) return signed;
  if (id !== agreement.id || hash !== signed.value) {
    return refuseTrust('agreement-foreign', 'The termination is of another agreement.');
  }
  const known = agreement.parties.find(({ node_id: nodeId }) => nodeId === party.node_id);
  if (known === undefined) {
    return refuseTrust('agreement-foreign', 'The termination is not by a party of the agreement.');
  }
  const own = checkPartyKey(known, party.public_key, read.value.key_links ?? [], cryptography);
  return own.ok ? read : own;
}
