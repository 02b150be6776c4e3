import { Type, type Static } from 'typebox';
import { MODEL_LIMITS, Sha256 } from './model';

/** A model of `maxLayers` layers has about a dozen tensors in each, and a few outside them. */
const MAX_TENSORS = MODEL_LIMITS.maxLayers * 16;
/** Published models come in at most a few hundred weight files. */
const MAX_WEIGHT_FILES = 1_000;

/** Where the index of a model's weights is found beside its files. */
export const WEIGHT_INDEX_FILE = 'tore-weights.json';
/** Where its manifest is found. */
export const MANIFEST_FILE = 'tore-manifest.json';

/**
 * Where each tensor of a model lies in its files and what its bytes hash to, so that a node can fetch and verify the
 * layers it serves without the rest. A manifest names the index by `weights_sha256`, the SHA-256 of its canonical JSON
 * (RFC 8785); so an index is as trustworthy as the manifest, wherever it came from.
 */
export const WeightIndex = Type.Object({
  files: Type.Array(
    Type.Object({
      /** As in the manifest's `files`. */
      path: Type.String({ minLength: 1, maxLength: 400 }),
      size_bytes: Type.Integer({ minimum: 1 }),
      /** Everything before the first tensor: what says how the file is laid out. */
      header_bytes: Type.Integer({ minimum: 1 }),
      header_sha256: Sha256,
    }),
    { minItems: 1, maxItems: MAX_WEIGHT_FILES },
  ),
  tensors: Type.Array(
    Type.Object({
      /** In the Hugging Face layout, whatever the file calls it. */
      name: Type.String({ minLength: 1, maxLength: 400 }),
      /** Place in `files`. */
      file: Type.Integer({ minimum: 0, maximum: MAX_WEIGHT_FILES - 1 }),
      /** From the start of the file. */
      offset_bytes: Type.Integer({ minimum: 0 }),
      size_bytes: Type.Integer({ minimum: 0 }),
      sha256: Sha256,
    }),
    { minItems: 1, maxItems: MAX_TENSORS },
  ),
});
export type WeightIndex = Static<typeof WeightIndex>;
