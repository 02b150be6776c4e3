import { success, type Result } from '../../protocol/result';
import { engineFailure, type EngineErrorCode } from '../errors';
import type { ArchitectureTraits } from './architectures';
import type { DecoderConfig } from './config';
import type { StoredTensor } from './safetensors';

/** Names of a model's tensors in the Hugging Face layout, the same in all families; matrices are `[output, input]`. */
export const EMBEDDING_TENSOR = 'model.embed_tokens.weight';
export const FINAL_NORM_TENSOR = 'model.norm.weight';
export const HEAD_TENSOR = 'lm_head.weight';

/** Tensors a layer may have, by what they do; `expectedTensors` says which ones a model has. */
export function layerTensorNames(layer: number) {
  const prefix = `model.layers.${layer}.`;
  return {
    attentionNorm: `${prefix}input_layernorm.weight`,
    query: `${prefix}self_attn.q_proj.weight`,
    key: `${prefix}self_attn.k_proj.weight`,
    value: `${prefix}self_attn.v_proj.weight`,
    queryBias: `${prefix}self_attn.q_proj.bias`,
    keyBias: `${prefix}self_attn.k_proj.bias`,
    valueBias: `${prefix}self_attn.v_proj.bias`,
    queryNorm: `${prefix}self_attn.q_norm.weight`,
    keyNorm: `${prefix}self_attn.k_norm.weight`,
    attentionOutput: `${prefix}self_attn.o_proj.weight`,
    attentionOutputBias: `${prefix}self_attn.o_proj.bias`,
    feedForwardNorm: `${prefix}post_attention_layernorm.weight`,
    gate: `${prefix}mlp.gate_proj.weight`,
    up: `${prefix}mlp.up_proj.weight`,
    down: `${prefix}mlp.down_proj.weight`,
    gateBias: `${prefix}mlp.gate_proj.bias`,
    upBias: `${prefix}mlp.up_proj.bias`,
    downBias: `${prefix}mlp.down_proj.bias`,
  } as const;
}

/** Rotary frequencies that some old files store although they follow from the configuration. */
const DERIVED_TENSOR = /\.rotary_emb\.inv_freq$/;

/** The tensor the head multiplies with: its own, or the embedding where they are tied. */
export function headTensorName(config: Pick<DecoderConfig, 'tiedEmbedding'>): string {
  return config.tiedEmbedding ? EMBEDDING_TENSOR : HEAD_TENSOR;
}

/** What decides which tensors a model has. */
export type TensorShape = Pick<DecoderConfig, 'shape' | 'tiedEmbedding'> & Partial<ArchitectureTraits>;

/** Every tensor of the model and its shape. */
export function expectedTensors(config: TensorShape): Map<string, readonly number[]> {
  const { shape } = config;
  const hidden = shape.hidden_size;
  const queryWidth = shape.attention_heads * shape.head_size;
  const keyValueWidth = shape.key_value_heads * shape.head_size;
  const expected = new Map<string, readonly number[]>([
    [EMBEDDING_TENSOR, [shape.vocabulary_size, hidden]],
    [FINAL_NORM_TENSOR, [hidden]],
  ]);
  if (!config.tiedEmbedding) expected.set(HEAD_TENSOR, [shape.vocabulary_size, hidden]);
  for (let layer = 0; layer < shape.layers; layer++) {
    const names = layerTensorNames(layer);
    expected.set(names.attentionNorm, [hidden]);
    expected.set(names.query, [queryWidth, hidden]);
    expected.set(names.key, [keyValueWidth, hidden]);
    expected.set(names.value, [keyValueWidth, hidden]);
    expected.set(names.attentionOutput, [hidden, queryWidth]);
    expected.set(names.feedForwardNorm, [hidden]);
    expected.set(names.gate, [shape.feed_forward_size, hidden]);
    expected.set(names.up, [shape.feed_forward_size, hidden]);
    expected.set(names.down, [hidden, shape.feed_forward_size]);
    if (config.queryKeyValueBias === true) {
      expected.set(names.queryBias, [queryWidth]);
      expected.set(names.keyBias, [keyValueWidth]);
      expected.set(names.valueBias, [keyValueWidth]);
    }
    if (config.queryKeyNorm === true) {
      expected.set(names.queryNorm, [shape.head_size]);
      expected.set(names.keyNorm, [shape.head_size]);
    }
    if (config.attentionOutputBias === true) expected.set(names.attentionOutputBias, [hidden]);
    if (config.feedForwardBias === true) {
      expected.set(names.gateBias, [shape.feed_forward_size]);
      expected.set(names.upBias, [shape.feed_forward_size]);
      expected.set(names.downBias, [hidden]);
    }
  }
  return expected;
}

/**
 * Checks that the weights are those of the configuration: nothing missing, nothing of another shape, and no tensor
 * inside the layers that this engine would silently leave out.
 */
export function checkTensors(
  config: DecoderConfig,
  tensors: ReadonlyMap<string, Pick<StoredTensor, 'dimensions'>>,
): Result<void, EngineErrorCode> {
  const expected = expectedTensors(config);
  for (const [name, dimensions] of expected) {
    const stored = tensors.get(name);
    if (stored === undefined) return engineFailure('weights-invalid', `The weights lack ${name}.`);
    if (stored.dimensions.join() !== dimensions.join()) {
      return engineFailure(
        'weights-invalid',
        `${name} has the shape [${stored.dimensions.join(', ')}] where config.json needs [${dimensions.join(', ')}].`,
      );
    }
  }
  for (const name of tensors.keys()) {
    const ignored = name === HEAD_TENSOR || DERIVED_TENSOR.test(name) || !name.startsWith('model.');
    if (expected.has(name) || ignored) continue;
    return engineFailure(
      'model-unsupported',
      `The model holds ${name.slice(0, 100)}, which is not part of ${config.architecture}.`,
    );
  }
  return success(undefined);
}
