import { slidingWindowOf } from '../models/architectures';
import type { DecoderConfig } from '../models/config';
import { PAGE_POSITIONS } from './estimate-shard';
import type { CacheType } from './graph-form';
import { MICROSOFT_DOMAIN, ONNX_TYPES, type OnnxGraph } from './onnx-graph';
import { pastKeyName, pastValueName, rowMaskName, SHARD_VALUES } from './shard-values';
import { SHARED_WEIGHTS } from './weight-layout';

/** Query, key and value of the new positions: one after the other in one value, or apart after norms of their own. */
export type Projected =
  { readonly fused: string } | { readonly query: string; readonly key: string; readonly value: string };

/** Keys and values of the pages as floats. */
interface Cache {
  readonly type: CacheType;
  readonly keys: string;
  readonly values: string;
}

/**
 * Factor of a page's sum, which its weight takes back exactly. With a factor of 1 onnxruntime would multiply a single query
 * in another way, and thus in another order, than several.
 */
const PAGE_SCALE = 2;
export const PAGE_WEIGHT = 1 / PAGE_SCALE;

/** A value of the cache as floats. */
export function readCache(graph: OnnxGraph, name: string, cacheType: CacheType): string {
  return cacheType === 'float32' ? name : graph.node('Cast', [name], { to: ONNX_TYPES.float32 });
}

/** Which rows attend to which pages of the cache. */
export type RowMode = 'single' | 'batch' | 'span';

/** Rotated queries `[rows, key/value heads, queries of one, head size]`, keys and values `[rows, key/value heads, 1, head size]`. */
export interface Rows {
  readonly queries: string;
  readonly key: string;
  readonly value: string;
}

/**
 * Attention of few new positions to the cache where it lies, without copying it:
 *
 * - `single`: one position of one sequence, whose pages are all that is given;
 * - `batch`: one position each of several sequences, with their pages in any order;
 * - `span`: several positions of one sequence within one page, where later ones see the earlier ones.
 *
 * A row's result has the same bits in each mode, and whatever else is in the pass: products over one page at a time are
 * sums in an order of their own, pages are added in their order, and what a row may not see has a share of zero. So an
 * answer does not change because others are served at the same time, or because drafts were verified in one pass.
 *
 * In the product with keys the many positions are the left side, which onnxruntime reads in place, so that only the few
 * queries are packed.
 */
export function attendRows(
  graph: OnnxGraph,
  config: DecoderConfig,
  layer: number,
  projected: Projected,
  mode: RowMode,
  cacheType: CacheType,
): string[] {
  const { attention_heads: heads, head_size: headSize } = config.shape;
  const cache: Cache = {
    type: cacheType,
    keys: readCache(graph, pastKeyName(layer), cacheType),
    values: readCache(graph, pastValueName(layer), cacheType),
  };
  const rows = rotateRows(graph, config, layer, projected, mode);
  const past = scorePages(graph, config, cache, rows, mode);
  const mask = rowMaskName(slidingWindowOf(config, layer));
  const own = multiply(graph, rows.queries, rows.key, { transB: 1, alpha: 1 / Math.sqrt(headSize) });
  const scores = graph.node('Concat', [graph.node('Add', [past, mask]), own], { axis: -1 });
  const shares = graph.node('Softmax', [scores], { axis: -1 });
  const [first, last, end] = [graph.integers([0]), graph.integers([-1]), graph.integers([2 ** 31 - 1])];
  const axis = graph.integers([3]);
  const pastShares = graph.node('Slice', [shares, first, last, axis]);
  const ownShare = graph.node('Slice', [shares, last, end, axis]);
  const summed = graph.node('Add', [
    weighPages(graph, config, cache, rows, pastShares, mode),
    multiply(graph, ownShare, rows.value, {}),
  ]);
  return [graph.node('Reshape', [summed, graph.integers([1, -1, heads * headSize])]), rows.key, rows.value];
}

function multiply(
  graph: OnnxGraph,
  left: string,
  right: string,
  {
    transA = 0,
    transB = 0,
    alpha = 1,
  }: { readonly transA?: number; readonly transB?: number; readonly alpha?: number },
): string {
  return graph.node('FusedMatMul', [left, right], { transA, transB, alpha: { float: alpha } }, MICROSOFT_DOMAIN);
}

/** @param mode - begins the names of its values */
export function rotateRows(
  graph: OnnxGraph,
  config: DecoderConfig,
  layer: number,
  projected: Projected,
  mode: string,
): Rows {
  const { attention_heads: heads, key_value_heads: keyValueHeads, head_size: headSize } = config.shape;
  const { queryKey, value } = joinQueryKey(graph, config, layer, projected, mode);
  const separate = graph.node('Reshape', [queryKey, graph.integers([-1, heads + keyValueHeads, 1, headSize])]);
  const rotated = graph.node(
    'RotaryEmbedding',
    [separate, SHARD_VALUES.positionIds, SHARED_WEIGHTS.rotaryCosine, SHARED_WEIGHTS.rotarySine],
    { interleaved: 0 },
    MICROSOFT_DOMAIN,
  );
  const query = `${mode}_query_${layer}`;
  const key = `${mode}_key_${layer}`;
  graph.nodeWithOutputs('Split', [rotated, graph.integers([heads, keyValueHeads])], [query, key], { axis: 1 });
  return {
    queries: graph.node('Reshape', [query, graph.integers([-1, keyValueHeads, heads / keyValueHeads, headSize])]),
    key,
    value: graph.node('Reshape', [value, graph.integers([-1, keyValueHeads, 1, headSize])]),
  };
}

function joinQueryKey(
  graph: OnnxGraph,
  config: DecoderConfig,
  layer: number,
  projected: Projected,
  mode: string,
): { queryKey: string; value: string } {
  if (!('fused' in projected)) {
    const queryKey = graph.node('Concat', [projected.query, projected.key], { axis: -1 });
    return { queryKey, value: projected.value };
  }
  const { attention_heads: heads, key_value_heads: keyValueHeads, head_size: headSize } = config.shape;
  const queryKey = `${mode}_query_key_${layer}`;
  const value = `${mode}_value_${layer}`;
  const widths = graph.integers([(heads + keyValueHeads) * headSize, keyValueHeads * headSize]);
  graph.nodeWithOutputs('Split', [projected.fused, widths], [queryKey, value], { axis: -1 });
  return { queryKey, value };
}

/** Scores `[rows, key/value heads, queries of one, positions of the pages]`. */
function scorePages(graph: OnnxGraph, config: DecoderConfig, cache: Cache, rows: Rows, mode: RowMode): string {
  const { key_value_heads: keyValueHeads, attention_heads: heads, head_size: headSize } = config.shape;
  const product = { transB: 1, alpha: 1 / Math.sqrt(headSize) };
  const pages = cache.keys;
  if (mode === 'single') {
    const scores = multiply(graph, pages, rows.queries, product);
    const ordered = graph.node('Transpose', [scores], { perm: [1, 3, 0, 2] });
    return graph.node('Reshape', [ordered, graph.integers([1, keyValueHeads, heads / keyValueHeads, -1])]);
  }
  if (mode === 'batch') {
    const queries = graph.node('Gather', [rows.queries, SHARD_VALUES.pageRow], { axis: 0 });
    const scores = multiply(graph, pages, queries, product);
    const ofRows = graph.node('Gather', [scores, SHARD_VALUES.rowPages], { axis: 0 });
    const ordered = graph.node('Transpose', [ofRows], { perm: [0, 2, 4, 1, 3] });
    return graph.node('Reshape', [ordered, graph.integers([0, 0, 0, -1])]);
  }
  const together = graph.node('Transpose', [rows.queries], { perm: [1, 0, 2, 3] });
  const queries = graph.node('Reshape', [together, graph.integers([1, keyValueHeads, -1, headSize])]);
  const added = graph.node('Transpose', [rows.key], { perm: [2, 1, 0, 3] });
  const lastPage = insertInLastPage(graph, cache, pages, added);
  const scores = replaceLastPage(
    graph,
    multiply(graph, pages, queries, product),
    multiply(graph, lastPage, queries, product),
  );
  const ordered = graph.node('Transpose', [scores], { perm: [1, 3, 0, 2] });
  const ofRows = graph.node('Reshape', [ordered, SHARD_VALUES.spanScoreShape]);
  return graph.node('Transpose', [ofRows], { perm: [1, 0, 2, 3] });
}

/** Sums `[rows, key/value heads, queries of one, head size]` of the values in the pages, each with its share. */
function weighPages(
  graph: OnnxGraph,
  config: DecoderConfig,
  cache: Cache,
  rows: Rows,
  shares: string,
  mode: RowMode,
): string {
  const { key_value_heads: keyValueHeads, attention_heads: heads, head_size: headSize } = config.shape;
  const grouped = heads / keyValueHeads;
  const pages = cache.values;
  const product = { alpha: PAGE_SCALE };
  if (mode === 'single') {
    const split = graph.node('Reshape', [shares, graph.integers([keyValueHeads, grouped, -1, PAGE_POSITIONS])]);
    const ofPages = graph.node('Transpose', [split], { perm: [2, 0, 1, 3] });
    const summed = addPages(graph, graph.node('Flatten', [multiply(graph, ofPages, pages, product)], { axis: 1 }));
    return graph.node('Reshape', [summed, graph.integers([1, keyValueHeads, grouped, headSize])]);
  }
  if (mode === 'batch') {
    const split = graph.node('Reshape', [shares, graph.integers([0, 0, 0, -1, PAGE_POSITIONS])]);
    const ordered = graph.node('Transpose', [split], { perm: [0, 3, 1, 2, 4] });
    const flat = graph.node('Reshape', [ordered, graph.integers([-1, keyValueHeads, grouped, PAGE_POSITIONS])]);
    const ofPages = graph.node('Gather', [flat, SHARD_VALUES.pageSlot], { axis: 0 });
    const weighed = multiply(graph, ofPages, pages, product);
    const ofRows = graph.node('Gather', [weighed, SHARD_VALUES.rowPages], { axis: 0 });
    const summed = addPages(graph, graph.node('Reshape', [ofRows, graph.integers([0, 0, -1])]));
    return graph.node('Reshape', [summed, graph.integers([-1, keyValueHeads, grouped, headSize])]);
  }
  const together = graph.node('Transpose', [shares], { perm: [1, 0, 2, 3] });
  const split = graph.node('Reshape', [together, SHARD_VALUES.spanShareShape]);
  const ofPages = graph.node('Transpose', [split], { perm: [2, 0, 1, 3] });
  const added = graph.node('Transpose', [rows.value], { perm: [2, 1, 0, 3] });
  const lastPage = insertInLastPage(graph, cache, pages, added);
  const weighed = replaceLastPage(
    graph,
    multiply(graph, ofPages, pages, product),
    multiply(graph, sliceFrom(graph, ofPages, -1), lastPage, product),
  );
  const summed = addPages(graph, graph.node('Flatten', [weighed], { axis: 1 }));
  const ofHeads = graph.node('Reshape', [summed, graph.integers([keyValueHeads, -1, grouped, headSize])]);
  return graph.node('Transpose', [ofHeads], { perm: [1, 0, 2, 3] });
}

/** One page after the other, in the order of the positions; those of other rows have a weight of zero. */
function addPages(graph: OnnxGraph, pages: string): string {
  return graph.node('MatMul', [SHARD_VALUES.pageWeights, pages]);
}

/** A copy of the last page with the new positions in their places. */
function insertInLastPage(graph: OnnxGraph, cache: Cache, pages: string, added: string): string {
  // As it will read when it comes from the cache.
  const stored =
    cache.type === 'float32'
      ? added
      : readCache(graph, graph.node('Cast', [added], { to: ONNX_TYPES[cache.type] }), cache.type);
  const padded = graph.node('Pad', [stored, SHARD_VALUES.spanPads]);
  const isNew = graph.node('Reshape', [SHARD_VALUES.spanNew, graph.integers([PAGE_POSITIONS, 1])]);
  return graph.node('Where', [isNew, padded, sliceFrom(graph, pages, -1)]);
}

function replaceLastPage(graph: OnnxGraph, pages: string, lastPage: string): string {
  const others = graph.node('Slice', [pages, graph.integers([0]), graph.integers([-1]), graph.integers([0])]);
  return graph.node('Concat', [others, lastPage], { axis: 0 });
}

function sliceFrom(graph: OnnxGraph, pages: string, start: number): string {
  return graph.node('Slice', [pages, graph.integers([start]), graph.integers([2 ** 31 - 1]), graph.integers([0])]);
}
