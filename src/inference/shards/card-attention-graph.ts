import { slidingWindowOf } from '../models/architectures';
import type { DecoderConfig } from '../models/config';
import type { Attended } from './attention-graph';
import { PAGE_POSITIONS } from './estimate-shard';
import type { CacheType } from './graph-form';
import { ONNX_TYPES, type OnnxGraph } from './onnx-graph';
import { readCache, rotateRows, type Projected } from './row-attention-graph';
import {
  pastKeyName,
  pastValueName,
  presentKeyName,
  presentValueName,
  rowMaskName,
  SHARD_VALUES,
} from './shard-values';

/** Keys and values of the pages, the new ones among them, as floats. */
interface Pages {
  readonly keys: string;
  readonly values: string;
}

/**
 * Attention on a card that keeps the pages of the cache. New keys and values are written into them first; then all positions
 * of one sequence, or one position each of several, attend to what they see of the pages. There are only operators here that
 * onnxruntime runs on the card itself; its fused attention gave wrong numbers behind 64 positions on a card made of software.
 */
export function attendOnCard(
  graph: OnnxGraph,
  config: DecoderConfig,
  layer: number,
  projected: Projected,
  cacheType: CacheType,
): Attended {
  const { key_value_heads: keyValueHeads, attention_heads: heads, head_size: headSize } = config.shape;
  const rows = rotateRows(graph, config, layer, projected, 'card');
  const queries = graph.node('Mul', [rows.queries, graph.scalar(1 / Math.sqrt(headSize))]);
  const written = (past: string, added: string, present: string): string => {
    writePages(graph, cacheType, past, added, present);
    graph.output(present, cacheType, ['pages', keyValueHeads, PAGE_POSITIONS, headSize]);
    return readCache(graph, present, cacheType);
  };
  const pages = {
    keys: written(pastKeyName(layer), rows.key, presentKeyName(layer)),
    values: written(pastValueName(layer), rows.value, presentValueName(layer)),
  };
  const mask = rowMaskName(slidingWindowOf(config, layer));
  const attended = `attended_${layer}`;
  graph.choose(
    SHARD_VALUES.isBatch,
    [{ name: attended, dimensions: [1, 'positions', heads * headSize] }],
    () => [attendSeveral(graph, config, queries, pages, mask)],
    () => [attendOne(graph, config, queries, pages, mask)],
  );
  return { attended, newKey: rows.key, newValue: rows.value };
}

/**
 * Puts new keys or values into their cells. Whoever runs the graph gives one tensor as both input and output, so that
 * nothing is copied.
 */
function writePages(graph: OnnxGraph, cacheType: CacheType, past: string, added: string, present: string): void {
  const cells = graph.node('Flatten', [added], { axis: 3 });
  const stored = cacheType === 'float32' ? cells : graph.node('Cast', [cells], { to: ONNX_TYPES[cacheType] });
  const bounds = [graph.integers([0]), SHARD_VALUES.newCellCount, graph.integers([0])];
  graph.nodeWithOutputs(
    'ScatterND',
    [past, SHARD_VALUES.newCells, graph.node('Slice', [stored, ...bounds])],
    [present],
  );
}

/** Positions of one sequence, whose pages are all that is given: products over its pages, with all queries at once. */
function attendOne(graph: OnnxGraph, config: DecoderConfig, queries: string, pages: Pages, mask: string): string {
  const { key_value_heads: keyValueHeads, attention_heads: heads, head_size: headSize } = config.shape;
  const grouped = heads / keyValueHeads;
  // [head size, queries] for each key/value head.
  const byHead = graph.node('Transpose', [queries], { perm: [1, 3, 0, 2] });
  const together = graph.node('Reshape', [byHead, graph.integers([1, keyValueHeads, headSize, -1])]);
  const scores = graph.node('Transpose', [graph.node('MatMul', [pages.keys, together])], { perm: [1, 3, 0, 2] });
  const ofRows = graph.node('Reshape', [scores, SHARD_VALUES.spanScoreShape]);
  const visible = graph.node('Add', [ofRows, graph.node('Reshape', [mask, graph.integers([0, 0, -1])])]);
  const shares = graph.node('Softmax', [visible], { axis: -1 });
  const split = graph.node('Reshape', [shares, SHARD_VALUES.spanShareShape]);
  const ofPages = graph.node('Transpose', [split], { perm: [2, 0, 1, 3] });
  const weighed = graph.node('MatMul', [ofPages, pages.values]);
  const summed = graph.node('ReduceSum', [weighed, graph.integers([0])], { keepdims: 0 });
  const ofHeads = graph.node('Reshape', [summed, graph.integers([keyValueHeads, -1, grouped, headSize])]);
  return flatten(graph, config, graph.node('Transpose', [ofHeads], { perm: [1, 0, 2, 3] }));
}

/** One position each of several sequences, with their pages in any order. */
function attendSeveral(graph: OnnxGraph, config: DecoderConfig, queries: string, pages: Pages, mask: string): string {
  const { key_value_heads: keyValueHeads, attention_heads: heads } = config.shape;
  const grouped = heads / keyValueHeads;
  const turned = graph.node('Transpose', [queries], { perm: [0, 1, 3, 2] });
  const ofOwners = graph.node('Gather', [turned, SHARD_VALUES.pageRow], { axis: 0 });
  const scores = graph.node('MatMul', [pages.keys, ofOwners]);
  const ofRows = graph.node('Gather', [scores, SHARD_VALUES.rowPages], { axis: 0 });
  const ordered = graph.node('Transpose', [ofRows], { perm: [0, 2, 4, 1, 3] });
  const visible = graph.node('Add', [graph.node('Reshape', [ordered, graph.integers([0, 0, 0, -1])]), mask]);
  const shares = graph.node('Softmax', [visible], { axis: -1 });
  const split = graph.node('Reshape', [shares, graph.integers([0, 0, 0, -1, PAGE_POSITIONS])]);
  const byPage = graph.node('Transpose', [split], { perm: [0, 3, 1, 2, 4] });
  const flat = graph.node('Reshape', [byPage, graph.integers([-1, keyValueHeads, grouped, PAGE_POSITIONS])]);
  const ofPages = graph.node('Gather', [flat, SHARD_VALUES.pageSlot], { axis: 0 });
  const weighed = graph.node('MatMul', [ofPages, pages.values]);
  const again = graph.node('Gather', [weighed, SHARD_VALUES.rowPages], { axis: 0 });
  const listed = graph.node('Reshape', [again, graph.integers([0, 0, -1])]);
  return flatten(graph, config, graph.node('MatMul', [SHARD_VALUES.pageWeights, listed]));
}

function flatten(graph: OnnxGraph, config: DecoderConfig, attended: string): string {
  const { attention_heads: heads, head_size: headSize } = config.shape;
  return graph.node('Reshape', [attended, graph.integers([1, -1, heads * headSize])]);
}
