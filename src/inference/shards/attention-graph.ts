import { slidingWindowOf } from '../models/architectures';
import type { DecoderConfig } from '../models/config';
import type { GraphWeights } from './graph-weights';
import { MICROSOFT_DOMAIN, type OnnxGraph } from './onnx-graph';
import { pastKeyName, pastValueName, SHARD_VALUES } from './shard-values';
import { layerWeightNames, SHARED_WEIGHTS } from './weight-layout';

/** Query, key and value of the new positions: one after the other in one value, or apart after norms of their own. */
type Projected = { readonly fused: string } | { readonly query: string; readonly key: string; readonly value: string };

/**
 * Adds the attention of a layer.
 *
 * Several new positions go through onnxruntime's fused operator, which is the fastest for them but copies the whole cache
 * in every pass. A single one attends to the cache where it lies, and to itself apart from it: at long contexts that is
 * what most of a step's time would be spent on. Layers with a window always take the fused operator, which knows windows.
 */
export function addAttention(
  graph: OnnxGraph,
  weights: GraphWeights,
  config: DecoderConfig,
  layer: number,
  input: string,
): { output: string; newKey: string; newValue: string } {
  const { key_value_heads: keyValueHeads, attention_heads: heads, head_size: headSize } = config.shape;
  const names = layerWeightNames(layer);
  graph.input(pastKeyName(layer), 'float32', [1, keyValueHeads, headSize, 'capacity']);
  graph.input(pastValueName(layer), 'float32', [1, keyValueHeads, 'capacity', headSize]);
  const fused = weights.multiply(
    input,
    names.queryKeyValue,
    config.queryKeyValueBias ? names.queryKeyValueBias : undefined,
  );
  const projected = config.queryKeyNorm ? addHeadNorms(graph, config, layer, fused) : { fused };
  const results = [
    { name: `attended_${layer}`, dimensions: [1, 'positions', heads * headSize] },
    { name: `new_key_${layer}`, dimensions: [1, keyValueHeads, 'positions', headSize] },
    { name: `new_value_${layer}`, dimensions: [1, keyValueHeads, 'positions', headSize] },
  ];
  let [attended = '', newKey = '', newValue = ''] = results.map(({ name }) => name);
  if (slidingWindowOf(config, layer) === undefined) {
    graph.choose(
      SHARD_VALUES.isSingle,
      results,
      () => attendSingle(graph, config, layer, projected),
      () => attendTogether(graph, config, layer, projected),
    );
  } else [attended = '', newKey = '', newValue = ''] = attendTogether(graph, config, layer, projected);
  const bias = config.attentionOutputBias ? names.attentionOutputBias : undefined;
  return { output: weights.multiply(attended, names.attentionOutput, bias), newKey, newValue };
}

/** All new positions with onnxruntime's fused operator. */
function attendTogether(graph: OnnxGraph, config: DecoderConfig, layer: number, projected: Projected): string[] {
  const { attention_heads: heads, key_value_heads: keyValueHeads, head_size: headSize } = config.shape;
  const window = slidingWindowOf(config, layer);
  const attended = `attended_together_${layer}`;
  const presentKey = `present_key_${layer}`;
  const presentValue = `present_value_${layer}`;
  const pastKey = graph.node('Transpose', [pastKeyName(layer)], { perm: [0, 1, 3, 2] });
  graph.nodeWithOutputs(
    'GroupQueryAttention',
    [
      ...('fused' in projected ? [projected.fused, '', ''] : [projected.query, projected.key, projected.value]),
      pastKey,
      pastValueName(layer),
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

/** One new position: scores over the cache and over itself side by side, one softmax, two weighted sums. */
function attendSingle(graph: OnnxGraph, config: DecoderConfig, layer: number, projected: Projected): string[] {
  const { attention_heads: heads, key_value_heads: keyValueHeads, head_size: headSize } = config.shape;
  const grouped = heads / keyValueHeads;
  const { queryKey, value } = joinQueryKey(graph, config, layer, projected);
  const separate = graph.node('Reshape', [queryKey, graph.integers([1, heads + keyValueHeads, 1, headSize])]);
  const rotated = graph.node(
    'RotaryEmbedding',
    [separate, SHARD_VALUES.positionIds, SHARED_WEIGHTS.rotaryCosine, SHARED_WEIGHTS.rotarySine],
    { interleaved: 0 },
    MICROSOFT_DOMAIN,
  );
  const query = `rotated_query_${layer}`;
  const key = `rotated_key_${layer}`;
  graph.nodeWithOutputs('Split', [rotated, graph.integers([heads, keyValueHeads])], [query, key], { axis: 1 });
  const newValue = graph.node('Reshape', [value, graph.integers([1, keyValueHeads, 1, headSize])]);
  // Queries that share a key lie together: [1, key/value heads, queries of one, head size].
  const queries = graph.node('Reshape', [query, graph.integers([1, keyValueHeads, grouped, headSize])]);
  const scale = { alpha: { float: 1 / Math.sqrt(headSize) } };
  const product = { transA: 0, ...scale };
  const past = graph.node('FusedMatMul', [queries, pastKeyName(layer)], { ...product, transB: 0 }, MICROSOFT_DOMAIN);
  const own = graph.node('FusedMatMul', [queries, key], { ...product, transB: 1 }, MICROSOFT_DOMAIN);
  const scores = graph.node('Concat', [graph.node('Add', [past, SHARD_VALUES.pastMask]), own], { axis: -1 });
  const shares = graph.node('Softmax', [scores], { axis: -1 });
  const [first, last, end] = [graph.integers([0]), graph.integers([-1]), graph.integers([2 ** 31 - 1])];
  const axis = graph.integers([3]);
  const pastShares = graph.node('Slice', [shares, first, last, axis]);
  const ownShare = graph.node('Slice', [shares, last, end, axis]);
  const summed = graph.node('Add', [
    graph.node('MatMul', [pastShares, pastValueName(layer)]),
    graph.node('MatMul', [ownShare, newValue]),
  ]);
  return [graph.node('Reshape', [summed, graph.integers([1, 1, heads * headSize])]), key, newValue];
}

function joinQueryKey(
  graph: OnnxGraph,
  config: DecoderConfig,
  layer: number,
  projected: Projected,
): { queryKey: string; value: string } {
  if (!('fused' in projected)) {
    const queryKey = graph.node('Concat', [projected.query, projected.key], { axis: -1 });
    return { queryKey, value: projected.value };
  }
  const { attention_heads: heads, key_value_heads: keyValueHeads, head_size: headSize } = config.shape;
  const queryKey = `query_key_${layer}`;
  const value = `single_value_${layer}`;
  const widths = graph.integers([(heads + keyValueHeads) * headSize, keyValueHeads * headSize]);
  graph.nodeWithOutputs('Split', [projected.fused, widths], [queryKey, value], { axis: -1 });
  return { queryKey, value };
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
