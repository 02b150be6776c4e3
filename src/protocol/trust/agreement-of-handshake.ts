import { comparableJson } from '../signing/canonical-json';
import type { Cryptography } from '../signing/ed25519';
import { agreementSigningText } from '../signing/sign-document';
import type { Agreement, AgreementEvidence, AgreementParty, AgreementTerms } from './agreement';
import { validatePartlySignedAgreement } from './check-agreement';
import { refuseTrust, type TrustResult } from './errors';
import { decisionOf, handshakePhase, keyOf, otherSide, stepsOf, type Handshake, type Side } from './handshake';

const SIDES: readonly Side[] = ['proposer', 'responder'];

/** What each party asked and how it judged the answers, as it goes into the agreement. The same for both parties. */
export function handshakeEvidence({ log, parties }: Pick<Handshake, 'log' | 'parties'>): AgreementEvidence[] {
  return SIDES.flatMap((side) => {
    const challenges = new Map(stepsOf(log[side], 'challenge').map((asked) => [asked.challengeId, asked]));
    return (decisionOf(log[side])?.verdicts ?? []).map((verdict) => ({
      challenge_id: verdict.challenge_id,
      by: parties[side].nodeId,
      to: parties[otherSide(side)].nodeId,
      domain: challenges.get(verdict.challenge_id)?.domain ?? '',
      subdomain: challenges.get(verdict.challenge_id)?.subdomain ?? '',
      challenge_hash: verdict.challenge_hash,
      response_hash: verdict.response_hash,
      verdict: verdict.verdict,
      decided_at: verdict.decided_at,
    }));
  });
}

function partyOf({ parties }: Handshake, side: Side): AgreementParty {
  const { nodeId, name, institution } = parties[side];
  return { node_id: nodeId, public_key: keyOf(parties[side]), name, institution };
}

/** Keys of the parties' computers, by node id, where a party has named some: signed with the rest of the agreement. */
function memberKeysOf({ parties }: Handshake): { readonly member_keys?: Record<string, readonly string[]> } {
  const named = SIDES.map((side) => parties[side]).filter(({ memberKeys }) => memberKeys.length > 0);
  const byParty = Object.fromEntries(named.map(({ nodeId, memberKeys }) => [nodeId, memberKeys]));
  return named.length === 0 ? {} : { member_keys: byParty };
}

/**
 * The agreement an accepted handshake leads to, not signed yet. What comes from the handshake (parties, evidence, mode) is
 * fixed by it; only the terms are the writer's.
 */
export function agreementOfHandshake(
  handshake: Handshake,
  draft: { readonly id: string; readonly terms: AgreementTerms; readonly metadata?: Record<string, unknown> },
): TrustResult<Agreement> {
  // An accepted handshake stays accepted, so no clock is needed.
  if (handshakePhase(handshake, 0) !== 'accepted') {
    return refuseTrust('not-allowed', 'An agreement follows when both parties have accepted.');
  }
  return {
    ok: true,
    value: {
      tore_spec: 'tore-0002',
      type: 'agreement',
      id: draft.id,
      parties: SIDES.map((side) => partyOf(handshake, side)),
      governance_mode: handshake.governanceMode,
      handshake_ref: handshake.id,
      evidence: handshakeEvidence(handshake),
      terms: draft.terms,
      status: 'active',
      metadata: { ...draft.metadata, ...memberKeysOf(handshake) },
      signatures: [],
    },
  };
}

/**
 * Checks an agreement that came with a handshake: its parties, evidence and mode are those of the handshake, the sender has
 * signed it, and no signature in it is wrong.
 */
export function checkAgreementFits(
  handshake: Handshake,
  agreement: Agreement,
  sender: Side,
  cryptography: Cryptography,
): TrustResult<{ readonly hash: string; readonly signatures: number }> {
  const valid = validatePartlySignedAgreement(agreement);
  if (!valid.ok) return refuseTrust('message-invalid', valid.error.message);
  const expected = SIDES.map((side) => partyOf(handshake, side));
  const keysOf = (parties: readonly AgreementParty[]): unknown =>
    parties.map((party) => [party.node_id, party.public_key]);
  const fits =
    agreement.handshake_ref === handshake.id &&
    agreement.governance_mode === handshake.governanceMode &&
    comparableJson(keysOf(agreement.parties)) === comparableJson(keysOf(expected)) &&
    comparableJson(agreement.evidence) === comparableJson(handshakeEvidence(handshake));
  if (!fits) {
    return refuseTrust('agreement-foreign', 'The agreement names other parties, keys or evidence than this handshake.');
  }
  const text = agreementSigningText(agreement);
  if (!text.ok) return refuseTrust('not-canonical', text.error.message);
  const keys = new Map(agreement.parties.map((party) => [cryptography.keyIdOf(party.public_key), party.public_key]));
  for (const { key_id: keyId, value } of agreement.signatures) {
    const publicKey = keys.get(keyId);
    if (publicKey === undefined || !cryptography.verify(publicKey, text.value, value)) {
      return refuseTrust('signature-wrong', 'A signature on the agreement does not hold.');
    }
  }
  const senderKeyId = cryptography.keyIdOf(keyOf(handshake.parties[sender]));
  if (!agreement.signatures.some(({ key_id: keyId }) => keyId === senderKeyId)) {
    return refuseTrust('agreement-unsigned', 'Whoever sends an agreement has signed it.');
  }
  return { ok: true, value: { hash: cryptography.sha256(text.value), signatures: agreement.signatures.length } };
}
