import type { ModelManifest } from '../../protocol/compute/model';

/** SHA-256-shaped hash of the model the test engine pretends to have read. */
export const TINY_HASH = 'ab'.repeat(32);

/** A manifest of a model small enough to compute in the head, for tests. */
export function tinyManifest(
  sizes: { layers?: number; bytesPerLayer?: number; embeddingBytes?: number; headBytes?: number } = {},
): ModelManifest {
  const layers = sizes.layers ?? 4;
  return {
    model_id: 'test/tiny',
    friendly_name: 'Tiny',
    architecture: 'test',
    total_layers: layers,
    hidden_size: 2,
    vocab_size: 64,
    context_length: 128,
    shape: {
      layers,
      hidden_size: 2,
      feed_forward_size: 4,
      attention_heads: 1,
      key_value_heads: 1,
      head_size: 2,
      vocabulary_size: 64,
      context_length: 128,
    },
    bytes_per_layer: Array.from({ length: layers }, () => sizes.bytesPerLayer ?? 100),
    embedding_bytes: sizes.embeddingBytes ?? 10,
    head_bytes: sizes.headBytes ?? 10,
    flops_per_token: 1,
    formats: ['safetensors'],
    files: [],
    tokenizer: 'test',
    chat_template: null,
    licence: null,
    source: null,
  };
}
