import type { DecoderConfig } from '../models/config';
import type { GgmlFormat } from '../models/ggml-formats';
import type { WritableTensor, WritableValue } from './gguf-writer';
import type { Tensors } from './random-checkpoint';

/** For tests: models in the layout llama.cpp's converter gives them. */
const NAMES: readonly (readonly [RegExp, string])[] = [
  [/^model\.embed_tokens\./, 'token_embd.'],
  [/^model\.norm\./, 'output_norm.'],
  [/^lm_head\./, 'output.'],
  [/^model\.layers\./, 'blk.'],
  [/input_layernorm\./, 'attn_norm.'],
  [/post_attention_layernorm\./, 'ffn_norm.'],
  [/self_attn\.([qk])_norm\./, 'attn_$1_norm.'],
  [/self_attn\.([qkv])_proj\./, 'attn_$1.'],
  [/self_attn\.o_proj\./, 'attn_output.'],
  [/mlp\.(gate|up|down)_proj\./, 'ffn_$1.'],
];

/** A llama-family file keeps the two halves of a query or key head interleaved, row by row. */
export function interleaveRows(values: Float32Array, headSize: number, columns: number): Float32Array {
  const result = new Float32Array(values.length);
  const half = headSize / 2;
  for (let row = 0; row < values.length / columns; row++) {
    const head = Math.floor(row / headSize) * headSize;
    const inHead = row - head;
    const target = head + (inHead < half ? 2 * inHead : 2 * (inHead - half) + 1);
    result.set(values.subarray(row * columns, (row + 1) * columns), target * columns);
  }
  return result;
}

export type Encoder = (values: Float32Array) => { format: GgmlFormat['name']; bytes: Uint8Array };

export const asFloats: Encoder = (values) => ({
  format: 'F32',
  bytes: new Uint8Array(values.buffer.slice(values.byteOffset, values.byteOffset + values.byteLength)),
});

/** @param encode - how matrices are stored; lists are always floats */
export function ggufTensors(
  config: DecoderConfig,
  tensors: Tensors,
  shapes: ReadonlyMap<string, readonly number[]>,
  encode: Encoder,
): WritableTensor[] {
  return [...tensors].map(([name, values]) => {
    const dimensions = shapes.get(name) ?? [];
    const interleaved = config.architecture === 'LlamaForCausalLM' && /[qk]_proj/.test(name);
    const columns = dimensions[1] ?? 1;
    const stored = interleaved ? interleaveRows(values, config.shape.head_size, columns) : values;
    const ggufName = NAMES.reduce((result, [pattern, replacement]) => result.replace(pattern, replacement), name);
    return { name: ggufName, dimensions, ...(dimensions.length === 1 ? asFloats(stored) : encode(stored)) };
  });
}

export function ggufMetadata(family: string, config: DecoderConfig): Record<string, WritableValue> {
  const { shape } = config;
  const fields: Record<string, WritableValue> = {
    context_length: shape.context_length,
    embedding_length: shape.hidden_size,
    block_count: shape.layers,
    feed_forward_length: shape.feed_forward_size,
    'attention.head_count': shape.attention_heads,
    'attention.head_count_kv': shape.key_value_heads,
    'attention.key_length': shape.head_size,
    'attention.value_length': shape.head_size,
    'attention.layer_norm_rms_epsilon': { float: config.normEpsilon },
    'rope.freq_base': { float: config.rotaryBase },
  };
  const named = Object.entries(fields).map(([key, value]) => [`${family}.${key}`, value] as const);
  return { 'general.architecture': family, ...Object.fromEntries(named) };
}
