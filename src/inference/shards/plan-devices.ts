import type { LayerRange } from '../../protocol/compute/model';
import { success, type Result } from '../../protocol/result';
import { deviceName, isProcessor, type DeviceLimit } from '../device';
import type { EngineErrorCode } from '../errors';
import {
  checkMemoryBudget,
  describeNeed,
  estimateShard,
  lacksMemory,
  longestFittingRange,
  type ShardEstimate,
} from './estimate-shard';
import type { CacheType } from './graph-form';
import { formatBytes } from './shard-files';
import type { ShardPrecision, WeightShape } from './weight-layout';

/** What is planned: layers of a model, held in one way. */
export interface PlannedLayers {
  readonly config: WeightShape;
  readonly range: LayerRange;
  readonly precision: ShardPrecision;
}

/** Devices in the order in which they are filled, fastest first, and the main memory they share. */
export interface DeviceLimits {
  readonly devices: readonly DeviceLimit[];
  /**
   * Upper bound of main memory: weights and scratch memory of what the processor runs, and the KV cache of all layers,
   * which lies there whatever runs them.
   */
  readonly mainMemoryBytes: number;
  /** How devices keep keys and values that cannot do it as the precision asks. */
  readonly cacheTypes?: ReadonlyMap<DeviceLimit, CacheType> | undefined;
}

/** Neighbouring layers and the device that runs them. */
export interface PlannedSegment {
  /** One of those that were given. */
  readonly device: DeviceLimit;
  readonly range: LayerRange;
  readonly estimate: ShardEstimate;
}

/** Which device runs which layers. */
export interface DevicePlan {
  /** In the order of the layers and of the devices; together they are the planned range. */
  readonly segments: readonly PlannedSegment[];
  /** Why the other devices run none, one sentence each. */
  readonly reasons: readonly string[];
  /** Memory that all KV caches may take together, at least that of one sequence. */
  readonly cacheBudgetBytes: number;
}

/** Layers that found room, from the first on. */
interface Placement {
  readonly segments: readonly PlannedSegment[];
  readonly reasons: readonly string[];
  /** The first layer without room. */
  readonly next: number;
}

/**
 * Splits layers over devices: as many as fit on the first, the rest on the next, and so on. Each part counts weights,
 * scratch memory and the KV cache of one sequence. What fits on the first is not split.
 *
 * @returns `memory-insufficient` with the numbers of each device where they do not fit on all together
 */
export function planDevices(layers: PlannedLayers, limits: DeviceLimits): Result<DevicePlan, EngineErrorCode> {
  const { config, range, precision } = layers;
  const placement = place(layers, limits);
  if (placement.next > range.layer_end) {
    const { segments, reasons } = placement;
    return success({ segments, reasons, cacheBudgetBytes: cacheBudget(segments, limits.mainMemoryBytes) });
  }
  const [only] = limits.devices;
  const cacheType = limits.devices.length > 1 || only === undefined ? undefined : limits.cacheTypes?.get(only);
  const estimate = estimateShard(config, range, undefined, precision, cacheType);
  if (only !== undefined && limits.devices.length === 1) {
    const budget = Math.min(only.memoryBudgetBytes, isProcessor(only) ? limits.mainMemoryBytes : Infinity);
    const refused = checkMemoryBudget(
      estimate,
      budget,
      longestFittingRange(config, range.layer_start, budget, precision, cacheType),
    );
    if (!refused.ok) return refused;
  }
  return refuse(layers, limits, placement, estimate);
}

/** The longest part of a range, from its first layer on, that fits on devices; undefined where not even one layer does. */
export function longestPlannedRange(layers: PlannedLayers, limits: DeviceLimits): LayerRange | undefined {
  const { layer_start, layer_end } = layers.range;
  const end = lastWhere(layer_start, layer_end, (layer) => {
    const range = { layer_start, layer_end: layer };
    return place({ ...layers, range }, limits).next > layer;
  });
  return end === undefined ? undefined : { layer_start, layer_end: end };
}

function place({ config, range, precision }: PlannedLayers, limits: DeviceLimits): Placement {
  const segments: PlannedSegment[] = [];
  const reasons: string[] = [];
  const isDone = (): boolean => next > range.layer_end;
  let next = range.layer_start;
  let mainMemoryBytes =
    limits.mainMemoryBytes - estimateShard(config, range, undefined, precision, widest(limits)).kvBytes;
  if (mainMemoryBytes < 0) return { segments, reasons, next };
  for (const device of limits.devices) {
    const name = deviceName(device);
    if (isDone()) {
      reasons.push(`${name} is not needed: all layers have their place.`);
      continue;
    }
    const estimateTo = (end: number): ShardEstimate =>
      estimateShard(
        config,
        { layer_start: next, layer_end: end },
        undefined,
        precision,
        limits.cacheTypes?.get(device),
      );
    const fits = (estimate: ShardEstimate): boolean =>
      estimate.totalBytes <= device.memoryBudgetBytes &&
      (!isProcessor(device) || estimate.weightBytes + estimate.scratchBytes <= mainMemoryBytes);
    const end = lastWhere(next, range.layer_end, (layer) => fits(estimateTo(layer)));
    if (end === undefined) {
      const needed = formatBytes(estimateTo(next).totalBytes);
      reasons.push(`${name} may use ${formatBytes(device.memoryBudgetBytes)}; layer ${next} alone needs ${needed}.`);
      continue;
    }
    const estimate = estimateTo(end);
    if (isProcessor(device)) mainMemoryBytes -= estimate.weightBytes + estimate.scratchBytes;
    segments.push({ device, range: { layer_start: next, layer_end: end }, estimate });
    next = end + 1;
  }
  return { segments, reasons, next };
}

/** What bounds the main memory that keys and values take wherever their layers run. */
function widest({ cacheTypes }: DeviceLimits): CacheType | undefined {
  return [...(cacheTypes?.values() ?? [])].includes('float32') ? 'float32' : undefined;
}

/** The last number for which something holds that holds up to it and not beyond. */
function lastWhere(first: number, last: number, holds: (value: number) => boolean): number | undefined {
  let [known, unknown] = [first - 1, last];
  while (known < unknown) {
    const middle = Math.ceil((known + unknown) / 2);
    if (holds(middle)) known = middle;
    else unknown = middle - 1;
  }
  return known < first ? undefined : known;
}

/** A sequence takes memory on every device: the one with the least room for positions bounds them all. */
function cacheBudget(segments: readonly PlannedSegment[], mainMemoryBytes: number): number {
  const perPosition = segments.reduce((sum, { estimate }) => sum + estimate.kvBytesPerPosition, 0);
  let free = mainMemoryBytes;
  let budget = Number.POSITIVE_INFINITY;
  for (const { device, estimate } of segments) {
    const held = estimate.weightBytes + estimate.scratchBytes;
    if (isProcessor(device)) free -= held;
    budget = Math.min(budget, (device.memoryBudgetBytes - held) * (perPosition / estimate.kvBytesPerPosition));
  }
  return Math.floor(Math.min(budget, free));
}

function refuse(layers: PlannedLayers, limits: DeviceLimits, placement: Placement, estimate: ShardEstimate) {
  const placed = placement.segments.map(
    ({ device, range, estimate: { totalBytes } }) =>
      `${deviceName(device)} may use ${formatBytes(device.memoryBudgetBytes)} and takes layers ${range.layer_start}-${range.layer_end} with ${formatBytes(totalBytes)}.`,
  );
  const sentences = [
    `The shard needs ${describeNeed(estimate)} on one device.`,
    ...placed,
    ...placement.reasons,
    `${formatBytes(limits.mainMemoryBytes)} of main memory are allowed, where the whole KV cache lies.`,
    `Layers ${placement.next}-${layers.range.layer_end} have no room.`,
  ];
  return lacksMemory(sentences.join(' '), longestPlannedRange(layers, limits));
}
