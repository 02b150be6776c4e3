import type { Precision } from './formulas';
import type { ModelManifest } from './model';

/** Bytes a weight takes in memory; in 8 and 4 bits 32 weights share a scale of 32 bits. */
export const BYTES_OF_WEIGHT: Readonly<Record<Precision, number>> = { fp32: 4, fp16: 2, int8: 36 / 32, int4: 20 / 32 };

/** Memory of a model's weights. */
export interface WeightBytes {
  /** Index = layer. */
  readonly layers: readonly number[];
  readonly embedding: number;
  readonly head: number;
}

/**
 * Bytes the weights of a model take in memory when they are held in a precision. What is held exactly takes twice its file
 * where that has half floats. Counted from the shape, without norms and biases, which are thousands of times smaller.
 */
export function weightBytes(manifest: ModelManifest, precision: Precision): WeightBytes {
  const { shape } = manifest;
  const { hidden_size: hidden, head_size: headSize, attention_heads: heads, key_value_heads: keyValueHeads } = shape;
  const layerWeights = hidden * headSize * 2 * (heads + keyValueHeads) + 3 * hidden * shape.feed_forward_size;
  const held = (weights: number, storedBytes: number): number => {
    const counted = weights * BYTES_OF_WEIGHT[precision];
    return precision === 'fp32' ? Math.max(counted, storedBytes) : counted;
  };
  return {
    layers: manifest.bytes_per_layer.map((stored) => held(layerWeights, stored)),
    embedding: held(shape.vocabulary_size * hidden, manifest.embedding_bytes),
    head: held(shape.vocabulary_size * hidden, manifest.head_bytes),
  };
}
