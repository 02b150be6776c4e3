import { Type, type Static } from 'typebox';
import { Count, Identifier, PublicKey, Timestamp } from '../documents/fields';
import { toEpochMs } from '../documents/time';
import { SESSION_LIMITS } from '../session/limits';
import type { Cryptography, Ed25519, Signer } from '../signing/ed25519';
import { refuseTrust, type TrustResult } from '../trust/errors';
import { isSignedBy, signStatement, statementFields, statementReader } from '../trust/statement';
import { SESSION_LINK_LIMITS } from './session-limits';

/*
 * What a coordinator signs about people of its own who take part in a session that its peer hosts: that it answers for
 * them, and that its ledger has booked what their turns say they cost.
 */

const MAX_BYTES = 16_384;

/** A coordinator's word that it answers for a participant of one session, for a short time. */
export const SessionCredential = Type.Object({
  ...statementFields('session-credential'),
  /** The agreement the session stands on. */
  agreement_id: Identifier,
  session_id: Identifier,
  /** Key of the coordinator that answers for the participant. */
  issued_by: PublicKey,
  /** Key of the participant, which signs the turns. */
  public_key: PublicKey,
  display_name: Type.String({ minLength: 1, maxLength: SESSION_LIMITS.maxDisplayNameLength, pattern: '\\S' }),
  issued_at: Timestamp,
  expires_at: Timestamp,
});
export type SessionCredential = Static<typeof SessionCredential>;

/** A coordinator's word that its ledger has settled what a turn of its participant cost. */
export const SessionCostConfirmation = Type.Object({
  ...statementFields('session-cost'),
  agreement_id: Identifier,
  session_id: Identifier,
  turn_id: Identifier,
  issued_by: PublicKey,
  public_key: PublicKey,
  /** Of the coordinator that served, as the cost in the turn names it. */
  coordinator_id: Identifier,
  ledger_ref: Identifier,
  model_id: Type.String({ minLength: 1, maxLength: 300 }),
  input_tokens: Count,
  output_tokens: Count,
  /** What the ledger entry took, in GFT. */
  gft: Type.Number({ minimum: 0, maximum: 9_007_199_254 }),
  /** Hash of the entry in the ledger's chain. */
  entry_hash: Type.String({ minLength: 1, maxLength: 200 }),
  confirmed_at: Timestamp,
});
export type SessionCostConfirmation = Static<typeof SessionCostConfirmation>;

type Unsigned<Whole> = Omit<Whole, 'tore_spec' | 'type' | 'signature'>;

const credentialForm = statementReader(SessionCredential, 'session credential', MAX_BYTES);
const confirmationForm = statementReader(SessionCostConfirmation, 'confirmation of a cost', MAX_BYTES);

export function signCredential(
  credential: Unsigned<SessionCredential>,
  signer: Signer,
  ed25519: Ed25519,
): SessionCredential {
  return signStatement({ tore_spec: 'tore-0002', type: 'session-credential', ...credential } as const, signer, ed25519);
}

export function signCostConfirmation(
  confirmation: Unsigned<SessionCostConfirmation>,
  signer: Signer,
  ed25519: Ed25519,
): SessionCostConfirmation {
  return signStatement({ tore_spec: 'tore-0002', type: 'session-cost', ...confirmation } as const, signer, ed25519);
}

/** Reads a credential and checks that the coordinator it names has signed it. */
export function readCredential(value: unknown, cryptography: Cryptography): TrustResult<SessionCredential> {
  const read = credentialForm(value);
  if (!read.ok) return read;
  return isSignedBy(read.value, read.value.issued_by, cryptography)
    ? read
    : refuseTrust('signature-wrong', 'The signature of the credential does not hold.');
}

/** Reads the confirmation of a cost and checks that the coordinator it names has signed it. */
export function readCostConfirmation(value: unknown, cryptography: Cryptography): TrustResult<SessionCostConfirmation> {
  const read = confirmationForm(value);
  if (!read.ok) return read;
  return isSignedBy(read.value, read.value.issued_by, cryptography)
    ? read
    : refuseTrust('signature-wrong', 'The signature of the confirmed cost does not hold.');
}

/** Why a credential is refused. */
export interface CredentialProblem {
  readonly code:
    'credential-foreign' | 'credential-agreement' | 'credential-session' | 'credential-expired' | 'credential-too-long';
  readonly message: string;
}

const problem = (code: CredentialProblem['code'], message: string): CredentialProblem => ({ code, message });

/** Why a credential whose signature holds is not taken from a peer, or null. */
export function credentialProblem(
  credential: SessionCredential,
  expected: {
    /** Key of the peer at the other end of the link. */
    readonly issuedBy: string;
    readonly sessionId: string;
    /** Why an agreement with this peer carries nothing now; null when it does. */
    readonly agreementProblem: (agreementId: string) => string | null;
    readonly nowMs: number;
  },
): CredentialProblem | null {
  if (credential.issued_by !== expected.issuedBy) {
    return problem(
      'credential-foreign',
      'The credential was issued by another coordinator than the one that shows it.',
    );
  }
  if (credential.session_id !== expected.sessionId) {
    return problem('credential-session', 'The credential is for another session.');
  }
  const barred = expected.agreementProblem(credential.agreement_id);
  if (barred !== null) return problem('credential-agreement', `The credential stands on nothing: ${barred}.`);
  const [from, to] = [toEpochMs(credential.issued_at), toEpochMs(credential.expires_at)];
  if (!(to - from <= SESSION_LINK_LIMITS.maxCredentialMs)) {
    return problem('credential-too-long', 'The credential is valid for longer than an hour.');
  }
  const { nowMs } = expected;
  if (!(to > nowMs && from <= nowMs + SESSION_LINK_LIMITS.maxClockDifferenceMs)) {
    return problem('credential-expired', 'The credential is not valid now.');
  }
  return null;
}
