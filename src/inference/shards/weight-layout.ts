import type { LayerRange } from '../../protocol/compute/model';
import type { HeldPrecision } from '../../protocol/compute/run-preferences';
import {
  EMBEDDING_TENSOR,
  FINAL_NORM_TENSOR,
  headTensorName,
  layerTensorNames,
  type TensorShape,
} from '../models/decoder-tensors';
import { ONNX_TYPE_BYTES, type OnnxType } from './onnx-graph';
import { BLOCK_WEIGHTS } from './quantization';

/** Weights are aligned to memory pages, so that onnxruntime can map them instead of copying. */
const ALIGNMENT_BYTES = 4_096;

/** What the size of a shard depends on. */
export type WeightShape = TensorShape;

/** Where the values of one weight of the shard come from. */
export type WeightOrigin =
  /** Rows of the named tensors, one after the other: this is how matrices are fused. */
  | { readonly kind: 'tensors'; readonly names: readonly string[] }
  | { readonly kind: 'rotary'; readonly table: 'cosine' | 'sine' };

/**
 * How a shard holds its matrices. `fp32` is exact. `int8` and `int4` share one scale among 32 weights; norms, biases,
 * rotary tables and matrices whose rows are no multiple of 32 stay 32-bit floats.
 */
export type ShardPrecision = HeldPrecision;

/** One array in the data file. */
export interface PlacedPart {
  readonly name: string;
  readonly type: OnnxType;
  readonly dimensions: readonly number[];
  readonly offsetBytes: number;
  readonly sizeBytes: number;
}

/** One weight in the data file of a shard. */
export interface PlacedWeight {
  readonly name: string;
  /** Of the values, whatever holds them. */
  readonly dimensions: readonly number[];
  readonly precision: ShardPrecision;
  readonly origin: WeightOrigin;
  /** One array of floats; or numbers `[rows, blocks, bytes of a block]` and scales `[rows, blocks]`. */
  readonly parts: readonly PlacedPart[];
  readonly offsetBytes: number;
  /** From the start of its first part to the end of its last. */
  readonly sizeBytes: number;
}

/** All weights of a shard and where each lies in its data file. */
export interface WeightLayout {
  readonly precision: ShardPrecision;
  readonly weights: readonly PlacedWeight[];
  readonly totalBytes: number;
}

/** Names of a layer's weights inside a shard. */
export function layerWeightNames(layer: number) {
  return {
    attentionNorm: `layer_${layer}_attention_norm`,
    /** Query, key and value as one matrix `[(heads + 2 × key/value heads) × head size, hidden]`. */
    queryKeyValue: `layer_${layer}_query_key_value`,
    queryKeyValueBias: `layer_${layer}_query_key_value_bias`,
    queryNorm: `layer_${layer}_query_norm`,
    keyNorm: `layer_${layer}_key_norm`,
    attentionOutput: `layer_${layer}_attention_output`,
    attentionOutputBias: `layer_${layer}_attention_output_bias`,
    feedForwardNorm: `layer_${layer}_feed_forward_norm`,
    /** Gate and up as one matrix `[2 × feed-forward, hidden]`. */
    gateUp: `layer_${layer}_gate_up`,
    gateUpBias: `layer_${layer}_gate_up_bias`,
    down: `layer_${layer}_down`,
    downBias: `layer_${layer}_down_bias`,
  } as const;
}

/** Names of the weights outside the layers. `head` is absent where a shard holds both ends of a tied model. */
export const SHARED_WEIGHTS = {
  rotaryCosine: 'rotary_cosine',
  rotarySine: 'rotary_sine',
  embedding: 'embedding',
  finalNorm: 'final_norm',
  head: 'head',
} as const;

export function holdsFirstLayer(range: LayerRange): boolean {
  return range.layer_start === 0;
}

export function holdsLastLayer(config: WeightShape, range: LayerRange): boolean {
  return range.layer_end === config.shape.layers - 1;
}

/** The weight the head multiplies with: in a shard with both ends of a tied model there is one copy for both. */
export function headWeightName(config: WeightShape, range: LayerRange): string {
  return config.tiedEmbedding && holdsFirstLayer(range) ? SHARED_WEIGHTS.embedding : SHARED_WEIGHTS.head;
}

/**
 * Lays out the weights of the layers [layer_start, layer_end]. Matrices keep the stored order `[output, input]`, so they
 * can be streamed from the model file without transposing.
 */
export function layoutWeights(
  config: WeightShape,
  range: LayerRange,
  precision: ShardPrecision = 'fp32',
): WeightLayout {
  const { shape } = config;
  const hidden = shape.hidden_size;
  const queryWidth = shape.attention_heads * shape.head_size;
  const fusedWidth = queryWidth + 2 * shape.key_value_heads * shape.head_size;
  const weights: PlacedWeight[] = [];
  let totalBytes = 0;
  const place = (name: string, dimensions: readonly number[], origin: WeightOrigin): void => {
    const held = holdsBlocks(dimensions, origin) ? precision : 'fp32';
    const parts: PlacedPart[] = [];
    for (const part of partsOf(name, dimensions, held)) {
      const elements = part.dimensions.reduce((product, size) => product * size, 1);
      const sizeBytes = elements * ONNX_TYPE_BYTES[part.type];
      parts.push({ ...part, offsetBytes: totalBytes, sizeBytes });
      totalBytes += Math.ceil(sizeBytes / ALIGNMENT_BYTES) * ALIGNMENT_BYTES;
    }
    const offsetBytes = parts[0]?.offsetBytes ?? 0;
    const last = parts.at(-1);
    const sizeBytes = last === undefined ? 0 : last.offsetBytes + last.sizeBytes - offsetBytes;
    weights.push({ name, dimensions, precision: held, origin, parts, offsetBytes, sizeBytes });
  };
  const fromTensors = (...names: string[]): WeightOrigin => ({ kind: 'tensors', names });

  const tableShape = [shape.context_length, shape.head_size / 2];
  place(SHARED_WEIGHTS.rotaryCosine, tableShape, { kind: 'rotary', table: 'cosine' });
  place(SHARED_WEIGHTS.rotarySine, tableShape, { kind: 'rotary', table: 'sine' });
  if (holdsFirstLayer(range)) {
    place(SHARED_WEIGHTS.embedding, [shape.vocabulary_size, hidden], fromTensors(EMBEDDING_TENSOR));
  }
  for (let layer = range.layer_start; layer <= range.layer_end; layer++) {
    const to = layerWeightNames(layer);
    const from = layerTensorNames(layer);
    place(to.attentionNorm, [hidden], fromTensors(from.attentionNorm));
    place(to.queryKeyValue, [fusedWidth, hidden], fromTensors(from.query, from.key, from.value));
    if (config.queryKeyValueBias === true) {
      place(to.queryKeyValueBias, [fusedWidth], fromTensors(from.queryBias, from.keyBias, from.valueBias));
    }
    if (config.queryKeyNorm === true) {
      place(to.queryNorm, [shape.head_size], fromTensors(from.queryNorm));
      place(to.keyNorm, [shape.head_size], fromTensors(from.keyNorm));
    }
    place(to.attentionOutput, [hidden, queryWidth], fromTensors(from.attentionOutput));
    if (config.attentionOutputBias === true) {
      place(to.attentionOutputBias, [hidden], fromTensors(from.attentionOutputBias));
    }
    place(to.feedForwardNorm, [hidden], fromTensors(from.feedForwardNorm));
    place(to.gateUp, [2 * shape.feed_forward_size, hidden], fromTensors(from.gate, from.up));
    if (config.feedForwardBias === true) {
      place(to.gateUpBias, [2 * shape.feed_forward_size], fromTensors(from.gateBias, from.upBias));
    }
    place(to.down, [hidden, shape.feed_forward_size], fromTensors(from.down));
    if (config.feedForwardBias === true) place(to.downBias, [hidden], fromTensors(from.downBias));
  }
  if (holdsLastLayer(config, range)) {
    place(SHARED_WEIGHTS.finalNorm, [hidden], fromTensors(FINAL_NORM_TENSOR));
    if (headWeightName(config, range) === SHARED_WEIGHTS.head) {
      place(SHARED_WEIGHTS.head, [shape.vocabulary_size, hidden], fromTensors(headTensorName(config)));
    }
  }
  return { precision, weights, totalBytes };
}

/** Bits of one number of a precision that has blocks. */
export const PRECISION_BITS = { int8: 8, int4: 4 } as const;

function holdsBlocks(dimensions: readonly number[], origin: WeightOrigin): boolean {
  const [, columns] = dimensions;
  return origin.kind === 'tensors' && columns !== undefined && columns % BLOCK_WEIGHTS === 0;
}

function partsOf(
  name: string,
  dimensions: readonly number[],
  precision: ShardPrecision,
): Pick<PlacedPart, 'name' | 'type' | 'dimensions'>[] {
  if (precision === 'fp32') return [{ name, type: 'float32', dimensions }];
  const [rows = 0, columns = 0] = dimensions;
  const blocks = columns / BLOCK_WEIGHTS;
  const blockBytes = (BLOCK_WEIGHTS * PRECISION_BITS[precision]) / 8;
  return [
    { name: `${name}_numbers`, type: 'uint8', dimensions: [rows, blocks, blockBytes] },
    { name: `${name}_scales`, type: 'float32', dimensions: [rows, blocks] },
  ];
}
