import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import {
  describeHubModel,
  type DeviceLimit,
  type Engine,
  type HubRequest,
  type LoadedModel,
  type LongCallOptions,
} from '../../inference';
import type { LayerRange } from '../../protocol/compute/model';
import type { HeldPrecision } from '../../protocol/compute/run-preferences';
import { success, type Result } from '../../protocol/result';
import type { RunningEngine, StartEngine } from '../engine-process-spawner';
import { nodeFailure } from '../errors';
import { SharedModel } from '../layers/shared-model';
import type { NodeLogger } from '../logger';
import { hubFolderName } from './hub-model';
import type { OfferedModel } from './offered-model';
import { smallerRange, type ChosenRange } from './shard-choice';
import { reportShard, type ServedShard } from './served-shard';

export interface LoadPlan {
  readonly model: LoadedModel;
  readonly chosen: ChosenRange;
  readonly precision: HeldPrecision;
  readonly memoryBudgetBytes: number;
  readonly cpuThreads: number | null;
  readonly providers: readonly string[] | null;
  /** Devices that hold the layers together, in place of one provider. */
  readonly devices: readonly DeviceLimit[] | undefined;
  /** Why other devices of this computer are not among them. */
  readonly deviceReasons: readonly string[];
  /** False: a shard that only the processor could run is given up again. */
  readonly mayUseCpu: boolean;
  /** Take fewer layers when these do not fit; false when the person chose them. */
  readonly mayShrink: boolean;
}

/** Where the layers of a coordinator's model are kept once they are fetched. */
export function fetchedModelFolder(dataFolder: string, manifestHash: string): string {
  return join(dataFolder, 'models', manifestHash);
}

/**
 * Keeps the engine process and the shard in it. Each shard gets a fresh process: onnxruntime does not return all memory
 * of a session to the system, so ending the process is what really frees a shard.
 */
export class ShardKeeper {
  private running: RunningEngine | null = null;
  private starting: Promise<Result<Engine>> | null = null;
  private shard: ServedShard | null = null;
  private shared: SharedModel | null = null;
  private readonly models = new Map<string, LoadedModel>();

  /**
   * @param dataFolder - cut shards are kept below it
   * @param onGone - the engine process ended although nobody asked it to; its shard is gone with it
   */
  constructor(
    private readonly startEngine: StartEngine,
    private readonly dataFolder: string,
    private readonly logger: NodeLogger,
    private readonly onGone: (reason: string) => void,
  ) {}

  private get cacheFolder(): string {
    return join(this.dataFolder, 'shards');
  }

  /** The files of the model the shard in memory was cut from, or null. */
  get sharedModel(): SharedModel | null {
    return this.shard === null ? null : this.shared;
  }

  /** The shard in memory, or null. */
  get served(): ServedShard | null {
    return this.shard;
  }

  /** The engine while its process runs. */
  get engine(): Engine | null {
    return this.running?.engine ?? null;
  }

  /** The running engine, started when there is none. */
  async ensureEngine(): Promise<Result<Engine>> {
    if (this.running !== null) return success(this.running.engine);
    this.starting ??= this.start().finally(() => {
      this.starting = null;
    });
    return this.starting;
  }

  private async start(): Promise<Result<Engine>> {
    const started = await this.startEngine();
    if (!started.ok) return started;
    const running = started.value;
    this.running = running;
    void this.watch(running);
    return success(running.engine);
  }

  private async watch(running: RunningEngine): Promise<void> {
    const reason = await running.exited;
    // Whoever releases the engine forgets it first.
    if (this.running !== running) return;
    this.running = null;
    this.shard = null;
    this.logger.error('The engine process ended unexpectedly', { reason });
    this.onGone(reason);
  }

  /** Reads a model folder; its files are hashed once per run of this program. */
  async readModel(folder: string, options: LongCallOptions): Promise<Result<LoadedModel>> {
    const known = this.models.get(folder);
    if (known !== undefined) return success(known);
    const engine = await this.ensureEngine();
    if (!engine.ok) return engine;
    const model = await engine.value.readModel(folder, { ...options, cacheFolder: this.cacheFolder });
    if (model.ok) this.models.set(folder, model.value);
    return model;
  }

  /** Fetches the layers of a range into the node's folder, where they are kept for the next start. */
  async fetchLayers(
    { manifest, manifestHash, sources }: OfferedModel,
    range: LayerRange,
    options: LongCallOptions,
  ): Promise<Result<LoadedModel>> {
    const engine = await this.ensureEngine();
    if (!engine.ok) return engine;
    const folder = fetchedModelFolder(this.dataFolder, manifestHash);
    return engine.value.fetchLayers({ manifest, sources, range, folder }, options);
  }

  /** Fetches a model of a hub whole, into the node's folder, where it is kept for the next start. */
  async importHubModel(request: HubRequest, options: LongCallOptions): Promise<Result<LoadedModel>> {
    const described = await describeHubModel(request, options.signal);
    if (!described.ok) return described;
    const engine = await this.ensureEngine();
    if (!engine.ok) return engine;
    const { repository, commit, licence, totalBytes } = described.value;
    this.logger.info('A model is fetched from the hub', { repository, commit, licence, totalBytes });
    const folder = join(this.dataFolder, 'models', hubFolderName(request));
    return engine.value.importHubModel({ ...request, folder }, options);
  }

  /** Forgets what a folder held, for when its files may have changed. */
  forgetModel(folder: string): void {
    this.models.delete(folder);
  }

  /** Loads a shard. One that does not fit is refused with numbers, or made smaller where the plan allows it. */
  async load(plan: LoadPlan, options: LongCallOptions): Promise<Result<ServedShard>> {
    const engine = await this.ensureEngine();
    if (!engine.ok) return engine;
    const { model } = plan;
    let { range } = plan.chosen;
    for (;;) {
      const loaded = await engine.value.loadShard(
        {
          folder: model.folder,
          range,
          cacheFolder: this.cacheFolder,
          memoryBudgetBytes: plan.memoryBudgetBytes,
          precision: plan.precision,
          ...(plan.cpuThreads === null ? {} : { threads: plan.cpuThreads }),
          ...(plan.providers === null ? {} : { providers: plan.providers }),
          ...(plan.devices === undefined ? {} : { devices: plan.devices }),
        },
        options,
      );
      if (loaded.ok) {
        if (this.running?.engine !== engine.value) {
          return nodeFailure('engine-gone', 'The engine process ended while it loaded.', { retryable: true });
        }
        if (loaded.value.provider === 'cpu' && !plan.mayUseCpu) {
          await engine.value.unloadShard(loaded.value.shardKey);
          const why = loaded.value.providerReasons.join(' ');
          return nodeFailure('no-device', `No device that may work can run these layers. ${why}`.trim(), {
            suggestion: 'Allow the processor, or look at the execution providers on the Contribute screen.',
          });
        }
        this.shared = new SharedModel(model, this.cacheFolder);
        const { deviceReasons, chosen } = plan;
        this.shard = { handle: loaded.value, manifest: model.manifest, chosenBy: chosen.chosenBy, deviceReasons };
        this.tellDevices(this.shard);
        return success(this.shard);
      }
      const smaller = plan.mayShrink && loaded.error.code === 'memory-insufficient' ? smallerRange(range) : null;
      if (smaller === null) return loaded;
      this.logger.info('The shard does not fit; fewer layers are tried', { reason: loaded.error.message });
      range = smaller;
    }
  }

  private tellDevices(shard: ServedShard): void {
    const { segments, providerReasons } = reportShard(shard);
    const places = segments.map(({ device, range }) => `${device}: ${range.layer_start}-${range.layer_end}`);
    this.logger.info('The layers are in memory', { devices: places.join('; '), reasons: providerReasons.join(' ') });
  }

  /** Removes cut shards from the disk, except the one in memory. They can be cut again. */
  async removeCutShards(): Promise<void> {
    const folder = join(this.dataFolder, 'shards');
    const kept = this.shard?.handle.segments.map(({ cutKey }) => cutKey) ?? [];
    const names = await readdir(folder).catch(() => []);
    for (const name of names) if (!kept.includes(name)) await rm(join(folder, name), { recursive: true, force: true });
  }

  /** Ends the engine process and with it the shard. */
  async release(): Promise<void> {
    if (this.starting !== null) await this.starting;
    const running = this.running;
    this.running = null;
    this.shard = null;
    if (running !== null) await running.engine.close();
  }
}
