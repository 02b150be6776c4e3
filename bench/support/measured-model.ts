import { PLAIN_TRAITS } from '../../src/inference/models/architectures';
import type { DecoderConfig } from '../../src/inference/models/config';

/** A llama-shaped decoder of 246 million weights: large enough that its weights do not fit into caches. */
export const MEASURED_CONFIG: DecoderConfig = {
  architecture: 'LlamaForCausalLM',
  ...PLAIN_TRAITS,
  shape: {
    layers: 16,
    hidden_size: 1_024,
    feed_forward_size: 2_816,
    attention_heads: 16,
    key_value_heads: 4,
    head_size: 64,
    vocabulary_size: 32_000,
    context_length: 2_048,
  },
  normEpsilon: 1e-5,
  rotaryBase: 10_000,
  rotaryScaling: { kind: 'none' },
  tiedEmbedding: false,
  endTokenIds: [],
};

export const MEASURED_RANGE = { layer_start: 0, layer_end: MEASURED_CONFIG.shape.layers - 1 };

/** Token ids without meaning, the same in every run. */
export function idsOf(count: number, seed = 0): number[] {
  return Array.from(
    { length: count },
    (_, index) => ((index + seed * 31) * 997 + 13) % MEASURED_CONFIG.shape.vocabulary_size,
  );
}

export function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
}
