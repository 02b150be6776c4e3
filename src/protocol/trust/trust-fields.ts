import { Type, type Static } from 'typebox';
import { DOCUMENT_LIMITS } from '../documents/limits';

/**
 * How a node or a boundary decides whom it works with (tore-0002): with anybody and no identity, after a handshake both
 * sides want, or only under an agreement or a membership.
 */
export const GovernanceMode = Type.Union([
  Type.Literal('anonymous'),
  Type.Literal('voluntary'),
  Type.Literal('institution'),
]);
export type GovernanceMode = Static<typeof GovernanceMode>;

/** One word of the two-level taxonomy. Any value is accepted; `CAPABILITY_TAXONOMY` is only a start. */
export const TaxonomyTerm = Type.String({ minLength: 1, maxLength: DOCUMENT_LIMITS.maxNameLength });
