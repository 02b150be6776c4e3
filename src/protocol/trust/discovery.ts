import { Type, type Static } from 'typebox';
import { Identifier, Maybe, Metadata, Name, PublicKey, Signature, Text, Timestamp, Uri } from '../documents/fields';
import { DOCUMENT_LIMITS } from '../documents/limits';
import { GovernanceMode, TaxonomyTerm } from './trust-fields';

/** Something a node says it can do. */
export const Capability = Type.Object({
  domain: TaxonomyTerm,
  subdomain: TaxonomyTerm,
  models: Maybe(Type.Array(Name, { maxItems: DOCUMENT_LIMITS.maxListEntries })),
  description: Maybe(Text),
});
export type Capability = Static<typeof Capability>;

/** How many challenges a node takes from one party, and in which time. */
export const ChallengeQuota = Type.Object({
  count: Type.Integer({ minimum: 0, maximum: 1_000_000 }),
  window_seconds: Type.Integer({ minimum: 1, maximum: 31_536_000 }),
});
export type ChallengeQuota = Static<typeof ChallengeQuota>;

const unsignedFields = {
  tore_spec: Type.Literal('tore-0002'),
  type: Type.Literal('discovery'),
  id: Identifier,
  node: Type.Object({
    node_id: Identifier,
    public_key: PublicKey,
    display_name: Maybe(Name),
    institution: Maybe(Name),
  }),
  capabilities: Type.Array(Capability, { maxItems: DOCUMENT_LIMITS.maxListEntries }),
  endpoints: Type.Array(Type.Object({ transport: Name, url: Uri }), { maxItems: DOCUMENT_LIMITS.maxListEntries }),
  governance_mode: GovernanceMode,
  challenge_policy: Type.Object({
    accepts: Type.Boolean(),
    /** Needed when challenges are accepted. */
    quota: Maybe(ChallengeQuota),
  }),
  /** When the node can be reached, in words or in fields of its own; not defined by the standard. */
  availability: Type.Optional(Type.Unknown()),
  issued_at: Timestamp,
  expires_at: Timestamp,
  metadata: Metadata,
};

/** A discovery record before its node has signed it; not a valid document yet. */
export const UnsignedDiscoveryRecord = Type.Object({ ...unsignedFields, signature: Type.Optional(Type.Null()) });
export type UnsignedDiscoveryRecord = Static<typeof UnsignedDiscoveryRecord>;

/** What a node says about itself, signed with its key (tore-0002). */
export const DiscoveryRecord = Type.Object({ ...unsignedFields, signature: Signature });
export type DiscoveryRecord = Static<typeof DiscoveryRecord>;
