import { Type, type Static } from 'typebox';
import {
  Identifier,
  Maybe,
  Metadata,
  Name,
  PublicKey,
  Sha256Text,
  Signature,
  Text,
  Timestamp,
} from '../documents/fields';
import { DOCUMENT_LIMITS } from '../documents/limits';
import { GovernanceMode, TaxonomyTerm } from './trust-fields';

/** One side of an agreement. */
export const AgreementParty = Type.Object({
  node_id: Identifier,
  public_key: PublicKey,
  name: Name,
  institution: Maybe(Name),
});
export type AgreementParty = Static<typeof AgreementParty>;

/** One challenge of the handshake, judged by the party that sent it. The texts stay with the parties: only hashes here. */
export const AgreementEvidence = Type.Object({
  challenge_id: Identifier,
  /** Node ids of the parties that sent and that answered it. */
  by: Identifier,
  to: Identifier,
  domain: TaxonomyTerm,
  subdomain: TaxonomyTerm,
  challenge_hash: Sha256Text,
  response_hash: Sha256Text,
  /** `accepted`, `rejected`, or the judging party's own word; what is good enough is its decision alone. */
  verdict: Type.String({ minLength: 1, maxLength: DOCUMENT_LIMITS.maxNameLength }),
  decided_at: Timestamp,
});
export type AgreementEvidence = Static<typeof AgreementEvidence>;

/** What the parties agreed on. */
export const AgreementTerms = Type.Object({
  purpose: Text,
  /** What is shared, in words or in fields of the parties' own. */
  resources: Type.Array(Type.Union([Text, Type.Record(Type.String(), Type.Unknown())]), {
    maxItems: DOCUMENT_LIMITS.maxListEntries,
  }),
  cost: Type.Object({
    /** `GFT`, `none`, a currency: the unit of every `inference_cost` under this agreement. */
    unit: Type.String({ minLength: 1, maxLength: DOCUMENT_LIMITS.maxNameLength }),
    rate: Maybe(Type.Number({ minimum: 0 })),
    /** Where costs are booked: an address or a name. */
    ledger: Maybe(Name),
  }),
  data_handling: Text,
  effective_at: Timestamp,
  expires_at: Maybe(Timestamp),
  /** How a party ends it. */
  termination: Text,
});
export type AgreementTerms = Static<typeof AgreementTerms>;

/**
 * A collaboration agreement (tore-0002). Every party signs the same text, which leaves out `signatures` alone; a change of
 * `status` is therefore a new version that all of them sign.
 */
export const Agreement = Type.Object({
  tore_spec: Type.Literal('tore-0002'),
  type: Type.Literal('agreement'),
  id: Identifier,
  parties: Type.Array(AgreementParty, { minItems: 2, maxItems: DOCUMENT_LIMITS.maxParties }),
  governance_mode: GovernanceMode,
  /** Id of the handshake it came from; `null` for one that was negotiated by people. */
  handshake_ref: Type.Union([Identifier, Type.Null()]),
  evidence: Type.Array(AgreementEvidence, { maxItems: DOCUMENT_LIMITS.maxListEntries }),
  terms: AgreementTerms,
  status: Type.Union([Type.Literal('active'), Type.Literal('terminated'), Type.Literal('expired')]),
  metadata: Metadata,
  /** One per party. While the parties are still signing, fewer: see `validatePartlySignedAgreement`. */
  signatures: Type.Array(Signature, { maxItems: DOCUMENT_LIMITS.maxParties }),
});
export type Agreement = Static<typeof Agreement>;
