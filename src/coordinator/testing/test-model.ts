import type { ModelManifest } from '../../protocol/compute/model';
import { countRequestFlops } from '../../protocol/compute/flops';

/** A small manifest for tests; nothing runs it. */
export function testManifest(overrides: Partial<ModelManifest> = {}, layers = 8): ModelManifest {
  const shape = {
    layers,
    hidden_size: 8,
    feed_forward_size: 16,
    attention_heads: 2,
    key_value_heads: 1,
    head_size: 4,
    vocabulary_size: 300,
    context_length: 128,
  };
  return {
    model_id: 'org/test-model',
    friendly_name: 'Test model',
    architecture: 'llama',
    total_layers: layers,
    hidden_size: shape.hidden_size,
    vocab_size: shape.vocabulary_size,
    context_length: shape.context_length,
    shape,
    bytes_per_layer: Array.from<number>({ length: layers }).fill(1_000_000),
    embedding_bytes: 500_000,
    head_bytes: 500_000,
    flops_per_token: countRequestFlops(shape, 1, 1),
    formats: ['safetensors'],
    files: [],
    tokenizer: 'BPE',
    chat_template: null,
    licence: null,
    source: null,
    ...overrides,
  };
}
