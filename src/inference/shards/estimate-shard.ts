import type { LayerRange } from '../../protocol/compute/model';
import { success, type Result } from '../../protocol/result';
import { engineFailure, type EngineErrorCode } from '../errors';
import { formatBytes } from './shard-files';
import { cacheTypeOf, type CacheType } from './graph-form';
import { ONNX_TYPE_BYTES } from './onnx-graph';
import { holdsLastLayer, layoutWeights, type ShardPrecision, type WeightShape } from './weight-layout';

const FLOAT_BYTES = 4;
/**
 * Positions of a page of the KV cache: the unit it is handed out in, and that attention sums at once. A multiple of 64, so
 * that a softmax adds the same numbers in the same order however many empty positions follow.
 */
export const PAGE_POSITIONS = 64;
/** Positions of a prefill that run at once; a cancelled request stops after at most this many. */
export const PREFILL_CHUNK_POSITIONS = 128;
/** onnxruntime's own code, thread stacks and the packed form of small weights, measured with tore-tiny. */
const RUNTIME_BYTES = 32 << 20;
/** A shard that cannot hold one sequence of this length (or of the whole context) is of no use to a chat. */
const USEFUL_POSITIONS = 1_024;

/** Memory a shard takes. */
export interface ShardEstimate {
  readonly weightBytes: number;
  readonly kvBytesPerPosition: number;
  /** KV cache of one sequence of `positions`. */
  readonly kvBytes: number;
  readonly positions: number;
  /** Intermediate results of the largest pass and the runtime itself. */
  readonly scratchBytes: number;
  readonly totalBytes: number;
}

/** Bytes of keys and values of one position over the layers of a range. */
export function cacheBytesPerPosition(config: WeightShape, range: LayerRange, cacheType: CacheType): number {
  const layers = range.layer_end - range.layer_start + 1;
  const numberBytes = ONNX_TYPE_BYTES[cacheType];
  return layers * 2 * config.shape.key_value_heads * config.shape.head_size * numberBytes;
}

/** Rounds positions up to the pages that hold them. */
export function cacheCapacity(positions: number): number {
  return Math.max(1, Math.ceil(positions / PAGE_POSITIONS)) * PAGE_POSITIONS;
}

/**
 * Estimates the memory of a shard before anything is cut or loaded.
 *
 * @param config - a model's configuration; who knows only its manifest takes the shape and `tiedEmbedding: false`, which
 * counts at most one embedding too many
 * @param positions - length of the one sequence the KV part is counted for; by default 1,024 or the context if shorter
 */
export function estimateShard(
  config: WeightShape,
  range: LayerRange,
  positions = Math.min(USEFUL_POSITIONS, config.shape.context_length),
  precision: ShardPrecision = 'fp32',
  cacheType: CacheType = cacheTypeOf(precision),
): ShardEstimate {
  const { shape } = config;
  const capacity = cacheCapacity(positions);
  const weightBytes = layoutWeights(config, range, precision).totalBytes;
  const kvBytesPerPosition = cacheBytesPerPosition(config, range, cacheType);
  const chunk = Math.min(PREFILL_CHUNK_POSITIONS, positions);
  const keyValueWidth = shape.key_value_heads * shape.head_size;
  const widths = 4 * shape.hidden_size + 4 * shape.feed_forward_size + 2 * shape.attention_heads * shape.head_size;
  const activations = chunk * (widths + 2 * keyValueWidth);
  const scores = shape.attention_heads * chunk * capacity;
  // A prompt's attention orders the pages of a layer's keys and values and joins new ones; two layers may be alive at once.
  const joined = 8 * capacity * keyValueWidth;
  const logits = holdsLastLayer(config, range) ? shape.vocabulary_size : 0;
  const scratchBytes = RUNTIME_BYTES + FLOAT_BYTES * (activations + scores + joined + logits);
  const kvBytes = kvBytesPerPosition * capacity;
  return {
    weightBytes,
    kvBytesPerPosition,
    kvBytes,
    positions,
    scratchBytes,
    totalBytes: weightBytes + kvBytes + scratchBytes,
  };
}

/**
 * The longest range that begins with a layer and fits into a budget, or undefined where not even one layer does.
 *
 * @param start - first layer
 */
export function longestFittingRange(
  config: WeightShape,
  start: number,
  budgetBytes: number,
  precision: ShardPrecision = 'fp32',
  cacheType?: CacheType,
): LayerRange | undefined {
  for (let end = config.shape.layers - 1; end >= start; end--) {
    const range = { layer_start: start, layer_end: end };
    if (estimateShard(config, range, undefined, precision, cacheType).totalBytes <= budgetBytes) return range;
  }
  return undefined;
}

/**
 * Refuses a shard that does not fit, with the numbers that say why.
 *
 * @param fitting - a shorter range that would fit
 * @returns the bytes left for KV caches, at least those of one sequence
 */
export function checkMemoryBudget(
  estimate: ShardEstimate,
  budgetBytes: number,
  fitting?: LayerRange,
): Result<number, EngineErrorCode> {
  if (estimate.totalBytes <= budgetBytes) return success(budgetBytes - estimate.weightBytes - estimate.scratchBytes);
  return lacksMemory(`The shard needs ${describeNeed(estimate)} and ${formatBytes(budgetBytes)} are allowed.`, fitting);
}

/** Such as `3.0 GiB (weights …, KV cache of 1024 positions …, scratch …)`. */
export function describeNeed({ totalBytes, weightBytes, kvBytes, positions, scratchBytes }: ShardEstimate): string {
  const parts = [
    `weights ${formatBytes(weightBytes)}`,
    `KV cache of ${positions} positions ${formatBytes(kvBytes)}`,
    `scratch ${formatBytes(scratchBytes)}`,
  ];
  return `${formatBytes(totalBytes)} (${parts.join(', ')})`;
}

/** The failure of layers that do not fit. @param fitting - a shorter range that would */
export function lacksMemory(message: string, fitting: LayerRange | undefined) {
  return engineFailure('memory-insufficient', message, {
    suggestion:
      fitting === undefined
        ? 'Serve fewer layers, or allow more memory in the limits.'
        : `Serve layers ${fitting.layer_start}-${fitting.layer_end}, which fit, or allow more memory in the limits.`,
  });
}

/** Whether a range lies inside the model. */
export function checkRange(config: WeightShape, range: LayerRange): Result<void, EngineErrorCode> {
  const { layer_start: start, layer_end: end } = range;
  if (Number.isInteger(start) && Number.isInteger(end) && 0 <= start && start <= end && end < config.shape.layers) {
    return success(undefined);
  }
  return engineFailure(
    'range-invalid',
    `Layers ${start}-${end} do not exist: the model has 0-${config.shape.layers - 1}.`,
  );
}
