import type { Signature } from '../documents/fields';
import { documentFailure, type DocumentResult } from '../documents/errors';
import type { GroupSession, SessionParticipant, Turn } from '../session/session';
import type { Agreement } from '../trust/agreement';
import type { DiscoveryRecord, UnsignedDiscoveryRecord } from '../trust/discovery';
import { canonicalJson } from './canonical-json';
import type { Ed25519, Signer } from './ed25519';

/*
 * Who signs what: a discovery record its node, a turn its participant, an agreement every party. Each signs the canonical
 * JSON (RFC 8785) of the object without the one field that holds the signatures; of a turn the number and the cost are left
 * out too, since the host and the ledger add them later. Unknown fields are covered as well.
 */

function signingText(object: object, ...without: readonly string[]): DocumentResult<string> {
  return canonicalJson(Object.fromEntries(Object.entries(object).filter(([name]) => !without.includes(name))));
}

/** The text a node signs for its discovery record. */
export function discoverySigningText(record: DiscoveryRecord | UnsignedDiscoveryRecord): DocumentResult<string> {
  return signingText(record, 'signature');
}

/** The text every party of an agreement signs. */
export function agreementSigningText(agreement: Agreement): DocumentResult<string> {
  return signingText(agreement, 'signatures');
}

/**
 * The text a participant signs for a turn. `seq` is the host's word and `inference_cost` the ledger's: both come after the
 * author has signed, and are checked against the order that `follows` and `in_reply_to` state and against the ledger.
 */
export function turnSigningText(turn: Omit<Turn, 'seq'>): DocumentResult<string> {
  return signingText(turn, 'signature', 'seq', 'inference_cost');
}

function makeSignature(text: DocumentResult<string>, signer: Signer, ed25519: Ed25519): DocumentResult<Signature> {
  if (!text.ok) return text;
  return {
    ok: true,
    value: { alg: 'Ed25519', key_id: ed25519.keyIdOf(signer.publicKey), value: signer.sign(text.value) },
  };
}

/** Signs a discovery record; a signature it had is replaced. */
export function signDiscoveryRecord(
  record: DiscoveryRecord | UnsignedDiscoveryRecord,
  signer: Signer,
  ed25519: Ed25519,
): DocumentResult<DiscoveryRecord> {
  if (record.node.public_key !== signer.publicKey) {
    return documentFailure('not-a-party', 'This key is not the one in the record; a node signs its own record.');
  }
  const signature = makeSignature(discoverySigningText(record), signer, ed25519);
  return signature.ok ? { ok: true, value: { ...record, signature: signature.value } } : signature;
}

/** Adds the signature of one party to an agreement; one that party had made before is replaced. */
export function signAgreement(agreement: Agreement, signer: Signer, ed25519: Ed25519): DocumentResult<Agreement> {
  if (!agreement.parties.some(({ public_key: key }) => key === signer.publicKey)) {
    return documentFailure('not-a-party', 'This key belongs to none of the parties of the agreement.');
  }
  const signature = makeSignature(agreementSigningText(agreement), signer, ed25519);
  if (!signature.ok) return signature;
  const others = agreement.signatures.filter(({ key_id: keyId }) => keyId !== signature.value.key_id);
  return { ok: true, value: { ...agreement, signatures: [...others, signature.value] } };
}

/** Signs a turn with the key of its participant, before or after it has its number. */
export function signTurn<Signed extends Omit<Turn, 'seq'>>(
  turn: Signed,
  participant: Pick<SessionParticipant, 'id' | 'public_key'>,
  signer: Signer,
  ed25519: Ed25519,
): DocumentResult<Signed> {
  if (participant.id !== turn.participant_id || participant.public_key !== signer.publicKey) {
    return documentFailure('not-a-party', 'This key is not the one of the participant who wrote the turn.');
  }
  const signature = makeSignature(turnSigningText(turn), signer, ed25519);
  return signature.ok ? { ok: true, value: { ...turn, signature: signature.value } } : signature;
}

/** Signs every turn of a session whose participant has the signer's key. */
export function signSession(session: GroupSession, signer: Signer, ed25519: Ed25519): DocumentResult<GroupSession> {
  const own = new Map(
    session.participants.filter(({ public_key: key }) => key === signer.publicKey).map((entry) => [entry.id, entry]),
  );
  if (own.size === 0) {
    return documentFailure('not-a-party', 'This key belongs to none of the participants of the session.');
  }
  const turns: Turn[] = [];
  for (const turn of session.turns) {
    const participant = own.get(turn.participant_id);
    const signed: DocumentResult<Turn> =
      participant === undefined ? { ok: true, value: turn } : signTurn(turn, participant, signer, ed25519);
    if (!signed.ok) return signed;
    turns.push(signed.value);
  }
  return { ok: true, value: { ...session, turns } };
}
