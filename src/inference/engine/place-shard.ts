import type { LayerRange } from '../../protocol/compute/model';
import { success, type Result } from '../../protocol/result';
import { explainWrongDevice } from '../benchmark/check-device';
import { deviceName, isProcessor, type DeviceLimit } from '../device';
import { cancelledFailure, engineFailure, type EngineErrorCode } from '../errors';
import { partOf, type LongCallOptions, type ProgressCallback } from '../long-call';
import type { ModelFolder } from '../models/model-folder';
import { hasHalfFloats } from '../runtime/half-floats';
import type { OnnxRuntime } from '../runtime/onnx-runtime';
import { explainMissingDevice, FALLBACK_PROVIDER, tryProvider } from '../runtime/provider-selection';
import { ShardSegment } from '../runtime/shard-segment';
import { ShardSession } from '../runtime/shard-session';
import { measureSteadyRows, type SteadyRows } from '../runtime/steady-rows';
import { cutShard } from '../shards/cut-shard';
import { cacheTypeOf, graphFormFor, type CacheType } from '../shards/graph-form';
import { planDevices, type DevicePlan, type PlannedSegment } from '../shards/plan-devices';
import type { ShardFileSystem } from '../shards/shard-files';
import type { ShardPrecision } from '../shards/weight-layout';
import type { LoadShardRequest } from './engine';

/** Part of placing a shard that is cutting it, as a fraction of the whole. */
const CUT_SHARE = 0.9;

export interface PlaceShardOptions {
  readonly runtime: OnnxRuntime;
  readonly model: ModelFolder;
  readonly precision: ShardPrecision;
  readonly fileSystem?: ShardFileSystem | undefined;
}

/** A shard on its devices. */
export interface PlacedShard {
  readonly session: ShardSession;
  /** Keys of the cut files of the segments, in their order. */
  readonly cutKeys: readonly string[];
  readonly plan: DevicePlan;
  /** Why other devices run nothing, and what is worth knowing of those that do, one sentence each. */
  readonly reasons: readonly string[];
}

/** An opened segment and the key of its cut files. */
interface OpenedSegment {
  readonly segment: ShardSegment;
  readonly cutKey: string;
}

/** Something was learned of a device that the plan did not know. */
interface PlanOutdated {
  readonly planAgain: true;
}

/** A device that cannot do its part; the others may. */
interface FailedDevice {
  readonly failed: DeviceLimit;
  readonly reason: string;
}

/**
 * Puts the layers of a shard on devices: plans, cuts and opens. A device that cannot run its part is left out and everything
 * is planned anew without it, so that its layers go to the others as far as they have room.
 *
 * @returns the shard, or the failure of planning or cutting, or `provider-failed` where no device is left
 */
export async function placeShard(
  request: LoadShardRequest,
  options: PlaceShardOptions,
  call: LongCallOptions,
): Promise<Result<PlacedShard, EngineErrorCode>> {
  const placing = new Placing(request, options, call);
  const placed = await placing.run();
  if (!placed.ok) await placing.release();
  return placed;
}

class Placing {
  readonly #reasons: string[] = [];
  readonly #steadyRows = new Map<DeviceLimit, SteadyRows>();
  /** Of devices that do not keep keys and values as the precision asks. */
  readonly #cacheTypes = new Map<DeviceLimit, CacheType>();
  /** Kept from one plan to the next where the same device has the same layers in both. */
  readonly #opened = new Map<DeviceLimit, OpenedSegment>();
  readonly #request: LoadShardRequest;
  readonly #options: PlaceShardOptions;
  readonly #call: LongCallOptions;
  #candidates: readonly DeviceLimit[];

  constructor(request: LoadShardRequest, options: PlaceShardOptions, call: LongCallOptions) {
    this.#request = request;
    this.#options = options;
    this.#call = { ...call, onProgress: neverBackwards(call.onProgress) };
    this.#candidates = request.devices ?? alternatives(request);
  }

  async run(): Promise<Result<PlacedShard, EngineErrorCode>> {
    const [request, options] = [this.#request, this.#options];
    const layers = { config: options.model.config, range: request.range, precision: options.precision };
    for (;;) {
      if (this.#call.signal?.aborted === true) return cancelledFailure('Loading the shard');
      // Without a list of devices one of the providers runs everything.
      const devices = request.devices === undefined ? this.#candidates.slice(0, 1) : this.#candidates;
      if (devices.length === 0) {
        return engineFailure('provider-failed', `No device could run the layers. ${this.#reasons.join(' ')}`.trim());
      }
      const limits = { devices, mainMemoryBytes: request.memoryBudgetBytes, cacheTypes: this.#cacheTypes };
      const plan = planDevices(layers, limits);
      if (!plan.ok && this.#leaveOutWide()) continue;
      if (!plan.ok) return this.#withReasons(plan);
      const { segments } = plan.value;
      const placed = (await this.#try(segments)) ?? (await this.#open(segments));
      if ('planAgain' in placed) continue;
      if ('ok' in placed) return placed.ok ? success(this.#finish(plan.value, placed.value)) : placed;
      this.#reasons.push(placed.reason);
      this.#cacheTypes.delete(placed.failed);
      this.#candidates = this.#candidates.filter((device) => device !== placed.failed);
    }
  }

  async release(): Promise<void> {
    for (const device of this.#opened.keys()) await this.#close(device);
  }

  #finish(plan: DevicePlan, opened: readonly OpenedSegment[]): PlacedShard {
    const { runtime, model } = this.#options;
    const session = new ShardSession(
      runtime,
      model.config,
      opened.map(({ segment }) => segment),
    );
    const reasons = [...this.#reasons, ...plan.reasons, ...session.explainUnsteady()];
    return { session, cutKeys: opened.map(({ cutKey }) => cutKey), plan, reasons };
  }

  /** Tries devices with a small product and a small decoder before anything is cut for them. */
  async #try(segments: readonly PlannedSegment[]): Promise<FailedDevice | PlanOutdated | undefined> {
    const { runtime, precision } = this.#options;
    for (const { device } of segments) {
      if (this.#steadyRows.has(device)) continue;
      const missing = explainMissingDevice(device, runtime.listSupportedBackends());
      if (missing !== undefined) return { failed: device, reason: missing };
      this.#call.onProgress?.(0, `Trying ${deviceName(device)}`);
      const measured = await tryProvider(deviceName(device), {
        create: async () => ({ rows: await measureSteadyRows(runtime, precision, device, this.#request.threads) }),
        verify: async () => undefined,
        release: async () => undefined,
      });
      if (!measured.ok) return { failed: device, reason: measured.error.message };
      this.#steadyRows.set(device, measured.value.rows);
      if (isProcessor(device)) continue;
      const isReplanned = cacheTypeOf(precision) === 'float16' && !(await hasHalfFloats(runtime, device));
      if (isReplanned) this.#cacheTypes.set(device, 'float32');
      const form = graphFormFor(device, precision, this.#cacheTypes.get(device));
      const check = { precision, form, threads: this.#request.threads, signal: this.#call.signal };
      const wrong = await explainWrongDevice(runtime, device, check);
      if (wrong !== undefined) return { failed: device, reason: wrong };
      if (!isReplanned) continue;
      this.#reasons.push(`${deviceName(device)} has no half floats: its KV cache takes twice the memory.`);
      return { planAgain: true };
    }
    return undefined;
  }

  /**
   * Leaves out devices that keep floats where half floats were planned, for which there is no room.
   *
   * @returns whether others are left that may be planned with
   */
  #leaveOutWide(): boolean {
    const others = this.#candidates.filter((device) => !this.#cacheTypes.has(device));
    if (others.length === 0 || others.length === this.#candidates.length) return false;
    for (const device of this.#cacheTypes.keys()) this.#reasons.push(`${deviceName(device)} has no room for that.`);
    this.#cacheTypes.clear();
    this.#candidates = others;
    return true;
  }

  async #open(
    segments: readonly PlannedSegment[],
  ): Promise<Result<readonly OpenedSegment[], EngineErrorCode> | FailedDevice> {
    await this.#closeAllBut(segments);
    const weightBytes = segments.reduce((sum, { estimate }) => sum + estimate.weightBytes, 0);
    const opened: OpenedSegment[] = [];
    let before = 0;
    for (const planned of segments) {
      const share = (CUT_SHARE * planned.estimate.weightBytes) / weightBytes;
      const known = this.#opened.get(planned.device);
      const result = known ?? (await this.#openOne(planned, partOf(this.#call, before, share)));
      if ('failed' in result) return result;
      if ('ok' in result) return result;
      this.#opened.set(planned.device, result);
      opened.push(result);
      before += share;
    }
    return success(opened);
  }

  async #openOne(
    { device, range }: PlannedSegment,
    call: LongCallOptions,
  ): Promise<OpenedSegment | FailedDevice | Extract<Result<never, EngineErrorCode>, { ok: false }>> {
    const { runtime, model, precision, fileSystem } = this.#options;
    const { cacheFolder, threads } = this.#request;
    const held = fileSystem === undefined ? {} : { fileSystem };
    const form = graphFormFor(device, precision, this.#cacheTypes.get(device));
    const cut = await cutShard(model, range, cacheFolder, { ...call, precision, form, ...held });
    if (!cut.ok) return cut;
    call.onProgress?.(1, 'Opening the shard');
    const { graphPath, shardKey } = cut.value;
    const options = { runtime, config: model.config, range, graphPath, form, threads };
    const segment = await tryProvider(deviceName(device), {
      create: () => ShardSegment.open(options, device, this.#steadyRows.get(device)),
      verify: (created) => created.verify(),
      release: (created) => created.release(),
    });
    if (!segment.ok) return { failed: device, reason: segment.error.message };
    return { segment: segment.value, cutKey: shardKey };
  }

  async #closeAllBut(segments: readonly PlannedSegment[]): Promise<void> {
    for (const [device, { segment }] of this.#opened) {
      const planned = segments.find((one) => one.device === device);
      if (planned === undefined || !isSameRange(planned.range, segment.range)) await this.#close(device);
    }
  }

  async #close(device: DeviceLimit): Promise<void> {
    const opened = this.#opened.get(device);
    this.#opened.delete(device);
    await opened?.segment.release();
  }

  /** Layers that have no room because a device failed: both are worth knowing. */
  #withReasons(refused: Extract<Result<never, EngineErrorCode>, { ok: false }>) {
    const { code, message, suggestion } = refused.error;
    const text = [message, ...this.#reasons].join(' ');
    return engineFailure(code, text, suggestion === undefined ? {} : { suggestion });
  }
}

/** The preferred providers, best first, each with all of the memory; the processor is always the last resort. */
function alternatives({ providers = [], memoryBudgetBytes }: LoadShardRequest): DeviceLimit[] {
  return [...new Set([...providers, FALLBACK_PROVIDER])].map((provider) => ({ provider, memoryBudgetBytes }));
}

function isSameRange(left: LayerRange, right: LayerRange): boolean {
  return left.layer_start === right.layer_start && left.layer_end === right.layer_end;
}

/** What is planned anew begins anew, but nobody wants to see that. */
function neverBackwards(onProgress: ProgressCallback | undefined): ProgressCallback | undefined {
  let furthest = 0;
  if (onProgress === undefined) return undefined;
  return (fraction, label) => {
    furthest = Math.max(furthest, fraction);
    onProgress(furthest, label);
  };
}
