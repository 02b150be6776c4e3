import { estimateShard, longestFittingRange } from '../../inference/shards/estimate-shard';
import type { LayerRange, ModelManifest } from '../../protocol/compute/model';

/** A device that could hold layers, and the memory it may use for them. */
export interface DeviceMemory {
  /** `cpu`, or a graphics processor by its place in the hardware report: `gpu0`. */
  readonly device: string;
  readonly name: string;
  readonly budgetBytes: number;
}

export interface DeviceFit extends DeviceMemory {
  readonly fits: boolean;
  /** The longest range from the asked first layer on that fits, or null where not even one layer does. */
  readonly largest: LayerRange | null;
}

/** What a range of layers takes, before anything is fetched, cut or loaded. */
export interface ModelFit {
  readonly range: LayerRange;
  readonly weightBytes: number;
  /** KV cache of one sequence of `positions`. */
  readonly cacheBytes: number;
  readonly positions: number;
  /** Intermediate results of the largest pass and the runtime itself. */
  readonly runtimeBytes: number;
  readonly totalBytes: number;
  readonly devices: readonly DeviceFit[];
}

/**
 * Estimates the memory of a range of a model's layers on each device, from the manifest alone. A manifest does not say
 * whether embedding and head are one matrix, so at most one embedding too many is counted: the estimate never promises
 * what does not fit.
 *
 * @param range - inside the model; both ends included
 */
export function estimateFit(manifest: ModelManifest, range: LayerRange, devices: readonly DeviceMemory[]): ModelFit {
  const weightShape = { shape: manifest.shape, tiedEmbedding: false };
  const estimate = estimateShard(weightShape, range);
  return {
    range,
    weightBytes: estimate.weightBytes,
    cacheBytes: estimate.kvBytes,
    positions: estimate.positions,
    runtimeBytes: estimate.scratchBytes,
    totalBytes: estimate.totalBytes,
    devices: devices.map((device) => ({
      ...device,
      fits: estimate.totalBytes <= device.budgetBytes,
      largest: longestFittingRange(weightShape, range.layer_start, device.budgetBytes) ?? null,
    })),
  };
}
