import { Type, type Static } from 'typebox';
import { Identifier, Maybe, PublicKey, Sha256Text, Timestamp } from '../documents/fields';
import type { Cryptography, Signer } from '../signing/ed25519';
import { agreementSigningText } from '../signing/sign-document';
import type { Agreement } from './agreement';
import { refuseTrust, type TrustResult } from './errors';
import { KeyLinks } from './key-link';
import { isSignedBy, signStatement, statementReader, statementFields } from './statement';
import { TRUST_LIMITS } from './trust-limits';

/**
 * One party's word that it ends an agreement (ours). An agreement cannot be changed without all signatures, but nobody
 * stays in one against its will: a notice signed by one party ends it for both from `effective_at` on.
 */
export const TerminationNotice = Type.Object({
  ...statementFields('agreement-termination'),
  id: Identifier,
  agreement_id: Identifier,
  /** SHA-256 of the text its parties signed. */
  agreement_hash: Sha256Text,
  party: Type.Object({ node_id: Identifier, public_key: PublicKey }),
  /** From the key in the agreement to the one that signs, where the party has replaced it. */
  key_links: KeyLinks,
  reason: Maybe(Type.String({ maxLength: TRUST_LIMITS.maxTextLength })),
  effective_at: Timestamp,
  issued_at: Timestamp,
});
export type TerminationNotice = Static<typeof TerminationNotice>;

const readForm = statementReader(TerminationNotice, 'termination notice', TRUST_LIMITS.maxRecordBytes);

/** SHA-256 of the text every party of an agreement signs; the same for all its copies, signed or not. */
export function agreementHash(agreement: Agreement, cryptography: Cryptography): TrustResult<string> {
  const text = agreementSigningText(agreement);
  return text.ok
    ? { ok: true, value: cryptography.sha256(text.value) }
    : refuseTrust('not-canonical', text.error.message);
}

/** Signs the end of an agreement as one of its parties. */
export function signTermination(
  notice: Omit<TerminationNotice, 'signature' | 'tore_spec' | 'type'>,
  signer: Signer,
  cryptography: Cryptography,
): TerminationNotice {
  return signStatement(
    { tore_spec: 'tore-0002', type: 'agreement-termination', ...notice } as const,
    signer,
    cryptography,
  );
}

/** Reads a notice by its own key. */
export function readTermination(value: unknown, cryptography: Cryptography): TrustResult<TerminationNotice> {
  const read = readForm(value);
  if (!read.ok) return read;
  return isSignedBy(read.value, read.value.party.public_key, cryptography)
    ? read
    : refuseTrust('signature-wrong', 'The signature of the termination does not hold: it was forged or changed.');
}
