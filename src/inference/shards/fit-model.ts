import type { LayerRange, ModelShape } from '../../protocol/compute/model';
import { HELD_PRECISIONS } from '../../protocol/compute/run-preferences';
import { BYTES_OF_WEIGHT } from '../../protocol/compute/weight-bytes';
import type { BenchmarkReport } from '../engine/engine';
import { estimateShard, longestFittingRange, type ShardEstimate } from './estimate-shard';
import { holdsFirstLayer, type ShardPrecision } from './weight-layout';

/** Memory of one device that layers may take. */
export interface DeviceBudget {
  /** Such as `cpu` or the name of a graphics card. */
  readonly device: string;
  readonly budgetBytes: number;
  /** What was measured of it, if anything was. */
  readonly measured?: Pick<BenchmarkReport, 'memoryGigabytesPerSecond' | 'matmulGflopsPerSecond'> | undefined;
}

/** Whether layers of a model fit on a device, in numbers. */
export interface DeviceFit {
  readonly device: string;
  readonly precision: ShardPrecision;
  readonly range: LayerRange;
  /** Weights, KV cache of one sequence and scratch memory of the range. */
  readonly estimate: ShardEstimate;
  readonly fits: boolean;
  /** The longest range that begins with the same layer and fits, or null where none does. */
  readonly largestRange: LayerRange | null;
  /** About how many tokens a second one answer gets through these layers alone; null where nothing was measured. */
  readonly tokensPerSecond: number | null;
}

/**
 * Says what a range of a model takes on each device in each precision, before anything of it is fetched, cut or loaded.
 * Needs the shape alone, which a manifest has.
 *
 * @param range - by default the whole model
 */
export function fitModel(
  shape: ModelShape,
  devices: readonly DeviceBudget[],
  range: LayerRange = { layer_start: 0, layer_end: shape.layers - 1 },
): DeviceFit[] {
  const config = { shape, tiedEmbedding: false };
  return devices.flatMap(({ device, budgetBytes, measured }) =>
    HELD_PRECISIONS.map((precision) => {
      const estimate = estimateShard(config, range, undefined, precision);
      return {
        device,
        precision,
        range,
        estimate,
        fits: estimate.totalBytes <= budgetBytes,
        largestRange: longestFittingRange(config, range.layer_start, budgetBytes, precision) ?? null,
        tokensPerSecond: measured === undefined ? null : expectedSpeed(shape, range, precision, estimate, measured),
      };
    }),
  );
}

/**
 * Decoding reads every weight once for each token, and multiplies it once: whichever the device is slower at bounds it.
 * What lies between the operations, and what the caches save, is not counted; expect a factor of two either way.
 */
function expectedSpeed(
  shape: ModelShape,
  range: LayerRange,
  precision: ShardPrecision,
  { weightBytes, kvBytes }: ShardEstimate,
  measured: NonNullable<DeviceBudget['measured']>,
): number {
  // Of the embedding one row is read.
  const embedded = holdsFirstLayer(range) ? shape.vocabulary_size * shape.hidden_size * BYTES_OF_WEIGHT[precision] : 0;
  const readBytes = Math.max(0, weightBytes - embedded) + kvBytes / 2;
  const weights = Math.max(0, weightBytes - embedded) / BYTES_OF_WEIGHT[precision];
  const readSeconds = readBytes / (measured.memoryGigabytesPerSecond * 1e9);
  const computeSeconds = (2 * weights) / (measured.matmulGflopsPerSecond * 1e9);
  return 1 / Math.max(readSeconds, computeSeconds);
}
