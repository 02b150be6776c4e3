import { PLAIN_TRAITS } from '../models/architectures';
import type { DecoderConfig } from '../models/config';
import { expectedTensors } from '../models/decoder-tensors';
import type { TensorSource } from '../models/weight-store';

/** A small transformer (about 11 million weights) that any machine runs in milliseconds: the measure of token latency. */
export const REFERENCE_CONFIG: DecoderConfig = {
  architecture: 'LlamaForCausalLM',
  shape: {
    layers: 6,
    hidden_size: 384,
    feed_forward_size: 1_024,
    attention_heads: 6,
    key_value_heads: 3,
    head_size: 64,
    vocabulary_size: 2_048,
    context_length: 256,
  },
  normEpsilon: 1e-5,
  rotaryBase: 10_000,
  rotaryScaling: { kind: 'none' },
  tiedEmbedding: true,
  ...PLAIN_TRAITS,
  endTokenIds: [],
};

/** Small enough that activations stay finite through all layers. */
const WEIGHT_SPREAD = 0.05;
const SEED = 0x2545f491;

/**
 * Weights of no meaning but the right sizes, the same every time (xorshift32, Marsaglia 2003).
 *
 * @param spread - they lie between minus and plus this
 */
export function referenceWeights(config = REFERENCE_CONFIG, spread = WEIGHT_SPREAD): TensorSource {
  const shapes = expectedTensors(config);
  return {
    async *stream(tensorName) {
      const dimensions = shapes.get(tensorName);
      if (dimensions === undefined) throw new Error(`no tensor ${tensorName}`);
      const values = new Float32Array(dimensions.reduce((product, size) => product * size, 1));
      let state = SEED;
      for (let index = 0; index < values.length; index++) {
        state ^= state << 13;
        state ^= state >>> 17;
        state ^= state << 5;
        values[index] = (state / 2 ** 31) * spread;
      }
      yield values;
    },
  };
}
