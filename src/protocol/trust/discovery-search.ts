import { Type, type Static } from 'typebox';
import type { DiscoveryRecord } from './discovery';
import { GovernanceMode } from './trust-fields';
import { TRUST_LIMITS } from './trust-limits';

const Term = Type.String({ minLength: 1, maxLength: TRUST_LIMITS.maxNameLength });

/** Records of one answer of an index. */
export const MAX_SEARCH_PAGE = 100;

/** What an index is asked for (`GET /discovery/records`). Every condition that is given holds for each record found. */
export const DiscoveryQuery = Type.Object({
  domain: Type.Optional(Term),
  subdomain: Type.Optional(Term),
  model: Type.Optional(Term),
  /** Part of an institution's name. */
  institution: Type.Optional(Term),
  governance_mode: Type.Optional(GovernanceMode),
  /** Words that all appear somewhere in the record. */
  text: Type.Optional(Type.String({ maxLength: TRUST_LIMITS.maxNameLength })),
  limit: Type.Integer({ minimum: 1, maximum: MAX_SEARCH_PAGE, default: 20 }),
  /** `next` of the answer before. */
  cursor: Type.Optional(Type.String({ maxLength: 1_000 })),
});
export type DiscoveryQuery = Static<typeof DiscoveryQuery>;

/** A pair of the taxonomy with how many records in date use it. */
export const TermCount = Type.Object({
  domain: Term,
  subdomain: Term,
  records: Type.Integer({ minimum: 0 }),
});
export type TermCount = Static<typeof TermCount>;

/** Answer of a search, newest records first. */
export interface DiscoveryPage {
  readonly records: readonly DiscoveryRecord[];
  readonly next: string | null;
}
