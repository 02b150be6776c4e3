import { success, type Result } from '../../protocol/result';
import { engineFailure, type EngineErrorCode } from '../errors';
import { ARCHITECTURES } from './architectures';
import { parseModelConfig, type DecoderConfig } from './config';
import { EMBEDDING_TENSOR, FINAL_NORM_TENSOR, HEAD_TENSOR, layerTensorNames } from './decoder-tensors';
import { GGUF_CONTROL_TOKEN, type GgufHeader, type GgufValue } from './gguf';

/** Names of tensors in GGUF files (llama.cpp, gguf-py constants) and in the Hugging Face layout. */
const SHARED_TENSORS: Readonly<Record<string, string>> = {
  'token_embd.weight': EMBEDDING_TENSOR,
  'output_norm.weight': FINAL_NORM_TENSOR,
  'output.weight': HEAD_TENSOR,
};
const LAYER_TENSORS: Readonly<Record<string, keyof ReturnType<typeof layerTensorNames>>> = {
  'attn_norm.weight': 'attentionNorm',
  'attn_q.weight': 'query',
  'attn_k.weight': 'key',
  'attn_v.weight': 'value',
  'attn_q.bias': 'queryBias',
  'attn_k.bias': 'keyBias',
  'attn_v.bias': 'valueBias',
  'attn_q_norm.weight': 'queryNorm',
  'attn_k_norm.weight': 'keyNorm',
  'attn_output.weight': 'attentionOutput',
  'attn_output.bias': 'attentionOutputBias',
  'ffn_norm.weight': 'feedForwardNorm',
  'ffn_gate.weight': 'gate',
  'ffn_up.weight': 'up',
  'ffn_down.weight': 'down',
  'ffn_gate.bias': 'gateBias',
  'ffn_up.bias': 'upBias',
  'ffn_down.bias': 'downBias',
};

/**
 * Names of tokens that end an answer or a turn (as in llama.cpp, llama-vocab.cpp): files often name just one of those
 * their model ends with.
 */
const END_TOKENS: ReadonlySet<unknown> = new Set([
  '</s>',
  '<eos>',
  '<EOT>',
  '[EOS]',
  '[EOT]',
  '<|endoftext|>',
  '<|end_of_text|>',
  '<|eot_id|>',
  '<|eom_id|>',
  '<|im_end|>',
  '<|end|>',
  '<end_of_turn>',
  '<end_of_utterance>',
  '<｜end▁of▁sentence｜>',
]);

/** Divisors of the rotary frequencies, where llama3 scaling was worked out when the file was made. */
export const ROTARY_FACTORS_TENSOR = 'rope_freqs.weight';

/** Name in the Hugging Face layout of a tensor of a GGUF file; its own name where there is none. */
export function canonicalTensorName(name: string): string {
  const shared = SHARED_TENSORS[name];
  if (shared !== undefined) return shared;
  const [, layer, rest = ''] = /^blk\.(\d{1,5})\.(.+)$/.exec(name) ?? [];
  const role = Object.hasOwn(LAYER_TENSORS, rest) ? LAYER_TENSORS[rest] : undefined;
  if (layer !== undefined && role !== undefined) return layerTensorNames(Number(layer))[role];
  // Inside the layers nothing may be passed over silently; `checkTensors` refuses what begins so.
  return layer === undefined ? name : `model.${name}`;
}

/**
 * Builds the configuration from the metadata and the tensors' shapes.
 *
 * @param rotaryFactors - values of `rope_freqs.weight`, where the file has it
 */
export function readGgufConfig(
  { metadata, tensors }: GgufHeader,
  rotaryFactors: Float32Array | undefined,
): Result<DecoderConfig, EngineErrorCode> {
  const name = metadata.get('general.architecture');
  if (typeof name !== 'string') return engineFailure('model-invalid', 'The GGUF file names no architecture.');
  const read = (key: string): GgufValue | undefined => metadata.get(`${name}.${key}`);
  const window = read('attention.sliding_window');
  const family = name === 'llama' && typeof window === 'number' && window > 0 ? 'mistral' : name;
  const architecture = Object.keys(ARCHITECTURES).find((key) => ARCHITECTURES[key]?.ggufName === family);
  if (architecture === undefined) {
    return engineFailure('model-unsupported', `The architecture ${name.slice(0, 100)} is not supported.`);
  }
  if ((read('expert_count') ?? 0) !== 0) {
    return engineFailure('model-unsupported', 'A mixture of experts is not supported.');
  }
  const scaling = read('rope.scaling.type') ?? 'none';
  const heads = read('attention.head_count');
  const hidden = read('embedding_length');
  const headSize = read('attention.key_length') ?? Number(hidden) / Number(heads);
  if (
    (read('rope.dimension_count') ?? headSize) !== headSize ||
    (read('attention.value_length') ?? headSize) !== headSize
  ) {
    return engineFailure('model-unsupported', 'Heads of which only a part is rotated are not supported.');
  }
  const has = (tensor: string): boolean => tensors.has(tensor);
  const config = parseModelConfig({
    architectures: [architecture],
    hidden_size: hidden,
    num_hidden_layers: read('block_count'),
    intermediate_size: read('feed_forward_length'),
    num_attention_heads: heads,
    num_key_value_heads: read('attention.head_count_kv') ?? null,
    head_dim: headSize,
    rms_norm_eps: read('attention.layer_norm_rms_epsilon'),
    max_position_embeddings: read('context_length'),
    vocab_size: tensors.get('token_embd.weight')?.dimensions[0],
    rope_theta: read('rope.freq_base') ?? null,
    rope_scaling: scaling === 'none' ? null : { rope_type: scaling, factor: read('rope.scaling.factor') ?? null },
    sliding_window: family === 'mistral' ? window : null,
    tie_word_embeddings: !has('output.weight'),
    attention_bias: has('blk.0.attn_output.bias'),
    mlp_bias: has('blk.0.ffn_down.bias'),
    eos_token_id: endTokens(metadata),
  });
  if (!config.ok || rotaryFactors === undefined) return config;
  if (rotaryFactors.length !== config.value.shape.head_size / 2 || !rotaryFactors.every((factor) => factor > 0)) {
    return engineFailure('weights-invalid', `${ROTARY_FACTORS_TENSOR} has the wrong size or values.`);
  }
  return success({ ...config.value, rotaryScaling: { kind: 'factors', factors: [...rotaryFactors] } });
}

/** The tokens the file names, and those of its control tokens that end answers in every model that has them. */
function endTokens(metadata: ReadonlyMap<string, GgufValue>): number[] {
  const keys = ['eos_token_id', 'eot_token_id', 'eom_token_id'];
  const named = keys.map((key) => metadata.get(`tokenizer.ggml.${key}`));
  const ids = new Set(named.filter((id): id is number => typeof id === 'number'));
  const [tokens, kinds] = ['tokens', 'token_type'].map((key) => metadata.get(`tokenizer.ggml.${key}`));
  if (!Array.isArray(tokens) || !Array.isArray(kinds)) return [...ids];
  for (const [id, token] of tokens.entries()) {
    if (kinds[id] === GGUF_CONTROL_TOKEN && END_TOKENS.has(token)) ids.add(id);
  }
  return [...ids];
}
