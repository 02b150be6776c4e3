import type { LayerRange } from '../../protocol/compute/model';
import { slidingWindowOf } from '../models/architectures';
import type { DecoderConfig } from '../models/config';
import { addAttention } from './attention-graph';
import type { GraphForm } from './graph-form';
import { GraphWeights } from './graph-weights';
import { MICROSOFT_DOMAIN, ONNX_TYPES, OnnxGraph } from './onnx-graph';
import { rowMaskName, SHARD_VALUES } from './shard-values';
import {
  headWeightName,
  holdsFirstLayer,
  holdsLastLayer,
  layerWeightNames,
  SHARED_WEIGHTS,
  type WeightLayout,
} from './weight-layout';

/** Changes whenever the graph or the layout of its weights does: cached shards of another version are cut again. */
export const GRAPH_VERSION = 7;

/** The residual stream and what is still to be added to it: the sum happens inside the next fused normalisation. */
interface Stream {
  readonly residual: string;
  readonly pending: string | undefined;
}

/**
 * Writes the layers [layer_start, layer_end] of a model as an ONNX graph (opset 21 with
 * onnxruntime's fused operators): token ids or an activation in, an activation or the last positions' logits out, and
 * the new keys and values for the caller to keep.
 *
 * @param dataFileName - the file beside the graph that holds the weights as `layout` says
 * @returns the bytes of the `.onnx` file
 */
export function buildDecoderGraph(
  config: DecoderConfig,
  range: LayerRange,
  layout: WeightLayout,
  dataFileName: string,
  form: GraphForm,
): Uint8Array {
  const graph = new OnnxGraph();
  const weights = new GraphWeights(graph, layout, dataFileName, form);
  const { cacheType } = form;
  const newKeys: string[] = [];
  const newValues: string[] = [];
  let stream = addInputs(graph, weights, config, range, form);
  for (let layer = range.layer_start; layer <= range.layer_end; layer++) {
    const names = layerWeightNames(layer);
    const attentionIn = addNorm(graph, config, stream, names.attentionNorm);
    const attention = addAttention(graph, weights, config, layer, attentionIn.normed, form);
    newKeys.push(attention.newKey);
    newValues.push(attention.newValue);
    const feedForwardIn = addNorm(
      graph,
      config,
      { residual: attentionIn.residual, pending: attention.output },
      names.feedForwardNorm,
    );
    stream = {
      residual: feedForwardIn.residual,
      pending: addFeedForward(graph, weights, config, layer, feedForwardIn.normed),
    };
  }
  addOutputs(graph, weights, config, range, stream);
  const joined = cacheType === 'float32' ? SHARD_VALUES.newKeyValues : 'new_key_values_exact';
  graph.nodeWithOutputs('Concat', [...newKeys, ...newValues], [joined], { axis: 0 });
  if (joined !== SHARD_VALUES.newKeyValues) {
    graph.nodeWithOutputs('Cast', [joined], [SHARD_VALUES.newKeyValues], { to: ONNX_TYPES[cacheType] });
  }
  const { key_value_heads: heads, head_size: headSize } = config.shape;
  graph.output(SHARD_VALUES.newKeyValues, cacheType, [
    'new_key_value_rows',
    heads,
    'new_key_value_positions',
    headSize,
  ]);
  return graph.finish(`layers_${range.layer_start}_${range.layer_end}`);
}

function addInputs(
  graph: OnnxGraph,
  weights: GraphWeights,
  config: DecoderConfig,
  range: LayerRange,
  form: GraphForm,
): Stream {
  if (form.isOnCard) {
    graph.input(SHARD_VALUES.newCells, 'int64', ['new_cells', 3]);
    graph.input(SHARD_VALUES.newCellCount, 'int64', [1]);
  } else {
    graph.input(SHARD_VALUES.pastLength, 'int64', [1]);
    graph.input(SHARD_VALUES.totalLength, 'int64', [1]);
    graph.input(SHARD_VALUES.lastPosition, 'int32', [1]);
    graph.input(SHARD_VALUES.totalLengthScalar, 'int32', []);
    for (const flag of [SHARD_VALUES.isSingle, SHARD_VALUES.isSpan]) graph.input(flag, 'bool', []);
    graph.input(SHARD_VALUES.spanPads, 'int64', [8]);
    graph.input(SHARD_VALUES.spanNew, 'bool', ['span_page']);
  }
  addRowInputs(graph, config, range);
  if (holdsFirstLayer(range)) {
    graph.input(SHARD_VALUES.tokenIds, 'int64', [1, 'positions']);
    return {
      residual: weights.lookUp(SHARED_WEIGHTS.embedding, SHARD_VALUES.tokenIds),
      pending: undefined,
    };
  }
  const activation = graph.input(SHARD_VALUES.activationIn, 'float32', [1, 'positions', config.shape.hidden_size]);
  // Inside an unsplit model every norm but the first is the fused one, which rounds differently from the plain one.
  // Adding an exact zero makes the split model take the same path, so that its results are equal bit for bit.
  return { residual: activation, pending: graph.node('Sub', [activation, activation]) };
}

/** Where rows are and what they see. */
function addRowInputs(graph: OnnxGraph, config: DecoderConfig, range: LayerRange): void {
  graph.input(SHARD_VALUES.isBatch, 'bool', []);
  graph.input(SHARD_VALUES.positionIds, 'int64', ['row_count', 1]);
  graph.input(SHARD_VALUES.pageRow, 'int64', ['page_row_count']);
  graph.input(SHARD_VALUES.rowPages, 'int64', ['table_rows', 'table_pages']);
  graph.input(SHARD_VALUES.pageSlot, 'int64', ['page_slot_count']);
  graph.input(SHARD_VALUES.pageWeights, 'float32', ['weight_rows', 1, 'weight_pages']);
  graph.input(SHARD_VALUES.spanScoreShape, 'int64', [4]);
  graph.input(SHARD_VALUES.spanShareShape, 'int64', [4]);
  for (const window of windowsOf(config, range)) {
    graph.input(rowMaskName(window), 'float32', ['mask_rows', 1, 1, 'mask_positions']);
  }
}

/** The different windows of the layers of a range, undefined for layers without one. */
export function windowsOf(config: DecoderConfig, range: LayerRange): (number | undefined)[] {
  const windows = new Set<number | undefined>();
  for (let layer = range.layer_start; layer <= range.layer_end; layer++) windows.add(slidingWindowOf(config, layer));
  return [...windows];
}

/** RMS norm of the sum of a stream; also gives that sum. */
function addNorm(
  graph: OnnxGraph,
  config: DecoderConfig,
  stream: Stream,
  weight: string,
): { normed: string; residual: string } {
  const epsilon = { float: config.normEpsilon };
  if (stream.pending === undefined) {
    const normed = graph.node('SimplifiedLayerNormalization', [stream.residual, weight], {
      axis: -1,
      epsilon,
      stash_type: 1,
    });
    return { normed, residual: stream.residual };
  }
  const normed = `${weight}_out`;
  const residual = `${weight}_residual`;
  graph.nodeWithOutputs(
    'SkipSimplifiedLayerNormalization',
    [stream.pending, stream.residual, weight],
    [normed, '', '', residual],
    { epsilon },
    MICROSOFT_DOMAIN,
  );
  return { normed, residual };
}

/** down(silu(gate(x)) × up(x)), SwiGLU (Shazeer 2020). */
function addFeedForward(
  graph: OnnxGraph,
  weights: GraphWeights,
  config: DecoderConfig,
  layer: number,
  input: string,
): string {
  const names = layerWeightNames(layer);
  const gate = `gate_${layer}`;
  const up = `up_${layer}`;
  const fused = weights.multiply(input, names.gateUp, config.feedForwardBias ? names.gateUpBias : undefined);
  graph.nodeWithOutputs('Split', [fused], [gate, up], { axis: -1, num_outputs: 2 });
  const activated = graph.node('Mul', [gate, graph.node('Sigmoid', [gate])]);
  const bias = config.feedForwardBias ? names.downBias : undefined;
  return weights.multiply(graph.node('Mul', [activated, up]), names.down, bias);
}

function addOutputs(
  graph: OnnxGraph,
  weights: GraphWeights,
  config: DecoderConfig,
  range: LayerRange,
  stream: Stream,
): void {
  if (stream.pending === undefined) throw new Error('a shard holds at least one layer');
  if (!holdsLastLayer(config, range)) {
    graph.nodeWithOutputs('Add', [stream.pending, stream.residual], [SHARD_VALUES.activationOut]);
    graph.output(SHARD_VALUES.activationOut, 'float32', [1, 'positions', config.shape.hidden_size]);
    return;
  }
  // Few positions' logits are ever used: cut before the head, the largest product of all.
  graph.input(SHARD_VALUES.logitStart, 'int64', [1]);
  const lastOf = (value: string): string =>
    graph.node('Slice', [value, SHARD_VALUES.logitStart, graph.integers([INT64_END]), graph.integers([1])]);
  const last = { residual: lastOf(stream.residual), pending: lastOf(stream.pending) };
  const { normed } = addNorm(graph, config, last, SHARED_WEIGHTS.finalNorm);
  weights.multiply(normed, headWeightName(config, range), undefined, SHARD_VALUES.logits);
  graph.output(SHARD_VALUES.logits, 'float32', [1, 'wanted', config.shape.vocabulary_size]);
}

/** "To the end" for ONNX Slice: any number beyond every size. */
const INT64_END = 2 ** 31 - 1;
