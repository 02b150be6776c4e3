import { slidingWindowOf } from '../models/architectures';
import type { DecoderConfig } from '../models/config';
import { PAGE_POSITIONS } from './estimate-shard';
import { attendOnCard } from './card-attention-graph';
import type { CacheType, GraphForm } from './graph-form';
import type { GraphWeights } from './graph-weights';
import { MICROSOFT_DOMAIN, type OnnxGraph } from './onnx-graph';
import { attendRows, readCache, type Projected, type RowMode } from './row-attention-graph';
import { pastKeyName, pastValueName, SHARD_VALUES } from './shard-values';
import { layerWeightNames, SHARED_WEIGHTS } from './weight-layout';

/** What attention leads to, and what the cache is to keep. */
export interface Attended {
  /** `[1, positions, heads × head size]`. */
  readonly attended: string;
  /** A prompt's are [1, key/value heads, positions, head size], those of rows [rows, key/value heads, 1, head size]. */
  readonly newKey: string;
  readonly newValue: string;
}

/** Adds the attention of a layer. */
export function addAttention(
  graph: OnnxGraph,
  weights: GraphWeights,
  config: DecoderConfig,
  layer: number,
  input: string,
  form: GraphForm,
): { output: string; newKey: string; newValue: string } {
  const { key_value_heads: keyValueHeads, head_size: headSize } = config.shape;
  const names = layerWeightNames(layer);
  graph.input(pastKeyName(layer), form.cacheType, ['pages', keyValueHeads, PAGE_POSITIONS, headSize]);
  graph.input(pastValueName(layer), form.cacheType, ['pages', keyValueHeads, PAGE_POSITIONS, headSize]);
  const fused = weights.multiply(
    input,
    names.queryKeyValue,
    config.queryKeyValueBias ? names.queryKeyValueBias : undefined,
  );
  const projected = config.queryKeyNorm ? addHeadNorms(graph, config, layer, fused) : { fused };
  const attend = form.isOnCard ? attendOnCard : attendInMainMemory;
  const { attended, newKey, newValue } = attend(graph, config, layer, projected, form.cacheType);
  const bias = config.attentionOutputBias ? names.attentionOutputBias : undefined;
  return { output: weights.multiply(attended, names.attentionOutput, bias), newKey, newValue };
}

/**
 * A prompt goes through onnxruntime's fused operator, which is the fastest for many positions but copies the whole cache
 * in every pass. Few positions, as in the steps of answers, attend to the pages of the cache where they lie.
 */
function attendInMainMemory(
  graph: OnnxGraph,
  config: DecoderConfig,
  layer: number,
  projected: Projected,
  cacheType: CacheType,
): Attended {
  const { key_value_heads: keyValueHeads, attention_heads: heads, head_size: headSize } = config.shape;
  const keyShape = ['new_key_rows', keyValueHeads, 'new_key_positions', headSize];
  const [attended, newKey, newValue] = [`attended_${layer}`, `new_key_${layer}`, `new_value_${layer}`];
  const results = [
    { name: attended, dimensions: [1, 'positions', heads * headSize] },
    { name: newKey, dimensions: keyShape },
    { name: newValue, dimensions: keyShape },
  ];
  const rows = (mode: RowMode) => () => attendRows(graph, config, layer, projected, mode, cacheType);
  const named = (suffix: string) => results.map((result) => ({ ...result, name: `${result.name}_${suffix}` }));
  const chosen = (
    suffix: string,
    condition: string,
    whenTrue: () => readonly string[],
    whenFalse: () => readonly string[],
  ) => {
    const outputs = named(suffix);
    graph.choose(condition, outputs, whenTrue, whenFalse);
    return outputs.map(({ name }) => name);
  };
  graph.choose(SHARD_VALUES.isSingle, results, rows('single'), () =>
    chosen('rows', SHARD_VALUES.isBatch, rows('batch'), () =>
      chosen('span', SHARD_VALUES.isSpan, rows('span'), () => attendPrompt(graph, config, layer, projected, cacheType)),
    ),
  );
  return { attended, newKey, newValue };
}

/** All new positions with onnxruntime's fused operator. */
function attendPrompt(
  graph: OnnxGraph,
  config: DecoderConfig,
  layer: number,
  projected: Projected,
  cacheType: CacheType,
): string[] {
  const { attention_heads: heads, key_value_heads: keyValueHeads, head_size: headSize } = config.shape;
  const window = slidingWindowOf(config, layer);
  const attended = `attended_prompt_${layer}`;
  const presentKey = `joined_key_${layer}`;
  const presentValue = `joined_value_${layer}`;
  const shape = graph.integers([1, keyValueHeads, -1, headSize]);
  const keyPages = graph.node('Transpose', [readCache(graph, pastKeyName(layer), cacheType)], { perm: [1, 0, 2, 3] });
  const values = readCache(graph, pastValueName(layer), cacheType);
  const valuePages = graph.node('Transpose', [values], { perm: [1, 0, 2, 3] });
  graph.nodeWithOutputs(
    'GroupQueryAttention',
    [
      ...('fused' in projected ? [projected.fused, '', ''] : [projected.query, projected.key, projected.value]),
      graph.node('Reshape', [keyPages, shape]),
      graph.node('Reshape', [valuePages, shape]),
      SHARD_VALUES.lastPosition,
      SHARD_VALUES.totalLengthScalar,
      SHARED_WEIGHTS.rotaryCosine,
      SHARED_WEIGHTS.rotarySine,
    ],
    [attended, presentKey, presentValue],
    {
      num_heads: heads,
      kv_num_heads: keyValueHeads,
      do_rotary: 1,
      rotary_interleaved: 0,
      scale: { float: 1 / Math.sqrt(headSize) },
      ...(window === undefined ? {} : { local_window_size: window }),
    },
    MICROSOFT_DOMAIN,
  );
  const onlyNew = (present: string): string =>
    graph.node('Slice', [present, SHARD_VALUES.pastLength, SHARD_VALUES.totalLength, graph.integers([2])]);
  return [attended, onlyNew(presentKey), onlyNew(presentValue)];
}

/** Query and key with each head normalised, and value. */
function addHeadNorms(graph: OnnxGraph, config: DecoderConfig, layer: number, fused: string): Projected {
  const { attention_heads: heads, key_value_heads: keyValueHeads, head_size: headSize } = config.shape;
  const names = layerWeightNames(layer);
  const query = `query_${layer}`;
  const key = `key_${layer}`;
  const value = `value_${layer}`;
  const widths = graph.integers([heads * headSize, keyValueHeads * headSize, keyValueHeads * headSize]);
  graph.nodeWithOutputs('Split', [fused, widths], [query, key, value], { axis: -1 });
  const normed = (input: string, headCount: number, weight: string): string => {
    // 0 keeps a dimension: [1, positions, heads × head size] as [1, positions, heads, head size] and back.
    const split = graph.node('Reshape', [input, graph.integers([0, 0, headCount, headSize])]);
    const attributes = { axis: -1, epsilon: { float: config.normEpsilon }, stash_type: 1 };
    const result = graph.node('SimplifiedLayerNormalization', [split, weight], attributes);
    return graph.node('Reshape', [result, graph.integers([0, 0, headCount * headSize])]);
  };
  return { query: normed(query, heads, names.queryNorm), key: normed(key, keyValueHeads, names.keyNorm), value };
}
