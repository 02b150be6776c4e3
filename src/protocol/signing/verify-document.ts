import {
  documentFailure,
  type DocumentErrorCode,
  type DocumentFailure,
  type DocumentResult,
} from '../documents/errors';
import type { Signature } from '../documents/fields';
import { ProblemList, quoted, type Path, type Problem } from '../documents/problems';
import { isDocumentReference, type Project } from '../project/project';
import type { GroupSession } from '../session/session';
import type { Agreement } from '../trust/agreement';
import type { DiscoveryRecord } from '../trust/discovery';
import type { Ed25519 } from './ed25519';
import { agreementSigningText, discoverySigningText, turnSigningText } from './sign-document';

/** What was verified. A valid signature says who signed, not that the signer can be trusted or the record is in date. */
export interface Verification {
  /** Key ids whose signatures hold, each once. */
  readonly signedBy: readonly string[];
  /** Signed objects: 1 for a record, the parties of an agreement, the signed turns of a session or of those in a project. */
  readonly signatures: number;
  /** Turns without a signature; always 0 for records and agreements. */
  readonly unsigned: number;
}

type Fault = Extract<DocumentErrorCode, 'signature-missing' | 'signature-unknown-key' | 'signature-wrong'>;

class Verifier {
  readonly #ed25519: Ed25519;
  readonly #problems = new ProblemList();
  readonly #signedBy = new Set<string>();
  #fault: Fault | null = null;
  #signatures = 0;

  constructor(ed25519: Ed25519) {
    this.#ed25519 = ed25519;
  }

  fail(fault: Fault, path: Path, message: string): void {
    this.#fault ??= fault;
    this.#problems.add(path, message);
  }

  /** Checks one signature of `owner` over a text. */
  check(signature: Signature, publicKey: string, owner: string, text: string, path: Path): void {
    const keyId = this.#ed25519.keyIdOf(publicKey);
    if (signature.key_id !== keyId) {
      this.fail('signature-unknown-key', [...path, 'key_id'], `The signature is not by the key of ${owner}.`);
    } else if (!this.#ed25519.verify(publicKey, text, signature.value)) {
      this.fail(
        'signature-wrong',
        path,
        `The signature of ${owner} does not fit: something was changed after signing.`,
      );
    } else {
      this.#signedBy.add(keyId);
      this.#signatures += 1;
    }
  }

  get full(): boolean {
    return this.#problems.full;
  }

  result(unsigned: number): DocumentResult<Verification> {
    if (this.#fault === null) {
      return { ok: true, value: { signedBy: [...this.#signedBy], signatures: this.#signatures, unsigned } };
    }
    return signatureFailure(this.#fault, this.#problems.problems);
  }
}

function signatureFailure(
  fault: Fault,
  problems: readonly Problem[],
): { readonly ok: false; readonly error: DocumentFailure } {
  const [first] = problems;
  return documentFailure(fault, first?.message ?? 'A signature does not hold.', { problems });
}

/** Verifies the signature of a discovery record with the key inside it. Works without a network. */
export function verifyDiscoveryRecord(record: DiscoveryRecord, ed25519: Ed25519): DocumentResult<Verification> {
  const text = discoverySigningText(record);
  if (!text.ok) return text;
  const verifier = new Verifier(ed25519);
  const owner = `node ${quoted(record.node.node_id)}`;
  verifier.check(record.signature, record.node.public_key, owner, text.value, ['signature']);
  return verifier.result(0);
}

/** Verifies that every party of an agreement has signed it, and nobody else. */
export function verifyAgreement(agreement: Agreement, ed25519: Ed25519): DocumentResult<Verification> {
  const text = agreementSigningText(agreement);
  if (!text.ok) return text;
  const verifier = new Verifier(ed25519);
  const byKeyId = new Map(agreement.signatures.map((signature, index) => [signature.key_id, { signature, index }]));
  const partyKeyIds = new Set<string>();
  for (const [index, party] of agreement.parties.entries()) {
    const keyId = ed25519.keyIdOf(party.public_key);
    partyKeyIds.add(keyId);
    const made = byKeyId.get(keyId);
    const owner = `party ${quoted(party.name)}`;
    if (made === undefined)
      verifier.fail('signature-missing', ['parties', index], `The signature of ${owner} is missing.`);
    else verifier.check(made.signature, party.public_key, owner, text.value, ['signatures', made.index]);
  }
  for (const [index, { key_id: keyId }] of agreement.signatures.entries()) {
    if (partyKeyIds.has(keyId)) continue;
    verifier.fail('signature-unknown-key', ['signatures', index, 'key_id'], 'Somebody who is no party has signed.');
  }
  return verifier.result(0);
}

/** Verifies the signed turns of a session; turns without a signature are counted, not refused. */
export function verifySession(session: GroupSession, ed25519: Ed25519): DocumentResult<Verification> {
  const verifier = new Verifier(ed25519);
  const unsigned = checkTurns(session, verifier, []);
  return unsigned.ok ? verifier.result(unsigned.value) : unsigned;
}

/** Verifies the signed turns of every session inside a project; sessions in files of their own are not looked at. */
export function verifyProject(project: Project, ed25519: Ed25519): DocumentResult<Verification> {
  const verifier = new Verifier(ed25519);
  let unsigned = 0;
  for (const [index, session] of (project.sessions ?? []).entries()) {
    if (isDocumentReference(session)) continue;
    const checked = checkTurns(session, verifier, ['sessions', index]);
    if (!checked.ok) return checked;
    unsigned += checked.value;
  }
  return verifier.result(unsigned);
}

/** Checks the signed turns of a session that stands at `at` in its document. @returns how many are not signed */
function checkTurns(session: GroupSession, verifier: Verifier, at: Path): DocumentResult<number> {
  const participants = new Map(session.participants.map((participant) => [participant.id, participant]));
  let unsigned = 0;
  for (const [index, turn] of session.turns.entries()) {
    if (verifier.full) break;
    const path = [...at, 'turns', index, 'signature'];
    const publicKey = participants.get(turn.participant_id)?.public_key;
    if (turn.signature === null || turn.signature === undefined) unsigned += 1;
    else if (publicKey === null || publicKey === undefined) {
      const owner = quoted(turn.participant_id);
      verifier.fail('signature-unknown-key', path, `The turn is signed, but participant ${owner} has no key.`);
    } else {
      const text = turnSigningText(turn);
      if (!text.ok) return text;
      verifier.check(turn.signature, publicKey, `turn ${turn.seq}`, text.value, path);
    }
  }
  return { ok: true, value: unsigned };
}
