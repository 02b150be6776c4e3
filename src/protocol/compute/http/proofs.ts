import { Type, type Static } from 'typebox';
import { FINGERPRINT } from '../activation-fingerprint';
import { MODEL_LIMITS, Sha256 } from '../model';

/**
 * Proof of work done, inside a task: the node makes random input for its layers from the seed, runs them and answers
 * with a fingerprint. Fresh for every proof, so that no old answer fits.
 */
export const ProofQuestion = Type.Object({
  /** 32 bytes, hexadecimal. */
  seed: Type.String({ pattern: '^[0-9a-f]{64}$' }),
  manifest_hash: Sha256,
});
export type ProofQuestion = Static<typeof ProofQuestion>;

const Row = Type.Object({
  /** Places of the entries of largest magnitude, largest first. */
  indexes: Type.Array(Type.Integer({ minimum: 0, maximum: MODEL_LIMITS.maxVocabularySize }), {
    minItems: 1,
    maxItems: FINGERPRINT.entriesPerRow,
  }),
  values: Type.Array(Type.Number({ minimum: -3.5e38, maximum: 3.5e38 }), {
    minItems: 1,
    maxItems: FINGERPRINT.entriesPerRow,
  }),
});

/** The fingerprint of what came out. */
export const ProofAnswer = Type.Object({
  /** How the node holds its weights. Running coarser ones than said fails. */
  precision: Type.Union([Type.Literal('fp32'), Type.Literal('int8'), Type.Literal('int4')]),
  rows: Type.Array(Row, { minItems: FINGERPRINT.rows, maxItems: FINGERPRINT.rows }),
});
export type ProofAnswer = Static<typeof ProofAnswer>;
