import { stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { LayerRange } from '../../protocol/compute/model';
import { success, type Result } from '../../protocol/result';
import { runBenchmark } from '../benchmark/run-benchmark';
import { engineFailure, reasonOf, type EngineErrorCode } from '../errors';
import { partOf } from '../long-call';
import { fetchLayers } from '../models/fetch/fetch-layers';
import { importHubModel } from '../models/fetch/import-hub';
import { readModelFolder, type ModelFolder } from '../models/model-folder';
import { loadOnnxRuntime, type OnnxRuntime } from '../runtime/onnx-runtime';
import { reportProviders } from '../runtime/provider-report';
import { shardKeyOf } from '../shards/cut-shard';
import { checkRange, type ShardEstimate } from '../shards/estimate-shard';
import type { ShardFileSystem } from '../shards/shard-files';
import type { ShardPrecision } from '../shards/weight-layout';
import type {
  BenchmarkReport,
  Engine,
  EngineMetrics,
  FetchLayersRequest,
  ForwardOutput,
  ForwardRequest,
  ImportHubRequest,
  LoadedModel,
  LoadShardRequest,
  LongCallOptions,
  OpenSequenceRequest,
  ProviderReport,
  ReadModelOptions,
  SegmentHandle,
  ShardHandle,
  TokenizeInput,
} from './engine';
import { LoadedShard, type PassRecord } from './loaded-shard';
import { placeShard, type PlacedShard } from './place-shard';

/** Reading on the way from a folder to a loaded shard, as a fraction of the whole. */
const READ_SHARE = 0.3;

export interface LocalEngineOptions {
  /** Stands in for onnxruntime in tests. */
  readonly loadRuntime?: () => Promise<OnnxRuntime>;
  /** Stands in for the disk in tests. */
  readonly fileSystem?: ShardFileSystem;
  /** That of the queue of passes, where results go to another process. */
  readonly resultsLeft?: () => Promise<void> | undefined;
}

interface RememberedModel {
  readonly model: ModelFolder;
  /** Sizes and times of its files: while they stay, the files need not be hashed again. */
  readonly fingerprint: string;
}

/** The engine in this process. Passes block the event loop, so a program with a window runs it in a process of its own. */
export class LocalEngine implements Engine {
  readonly #options: LocalEngineOptions;
  readonly #shards = new Map<string, LoadedShard>();
  readonly #models = new Map<string, RememberedModel>();
  #runtime: Promise<OnnxRuntime> | undefined;
  /** Loads wait for each other: two at once would need the memory of both before either was counted. */
  #loading: Promise<unknown> = Promise.resolve();
  #closed = false;
  #positionsProcessed = 0;
  #tokensSampled = 0;
  #busyMs = 0;

  constructor(options: LocalEngineOptions = {}) {
    this.#options = options;
  }

  async listProviders(): Promise<Result<ProviderReport[], EngineErrorCode>> {
    const runtime = await this.#openRuntime();
    return runtime.ok ? success(await reportProviders(runtime.value)) : runtime;
  }

  async benchmark(options: LongCallOptions = {}): Promise<Result<BenchmarkReport, EngineErrorCode>> {
    const runtime = await this.#openRuntime();
    return runtime.ok ? runBenchmark(runtime.value, options) : runtime;
  }

  async readModel(folder: string, options: ReadModelOptions = {}): Promise<Result<LoadedModel, EngineErrorCode>> {
    const model = await this.#readFolder(folder, options);
    if (!model.ok) return model;
    const { manifest, manifestHash, location } = model.value;
    return success({ manifest, manifestHash, folder: location });
  }

  async fetchLayers(
    request: FetchLayersRequest,
    options: LongCallOptions = {},
  ): Promise<Result<LoadedModel, EngineErrorCode>> {
    const model = await fetchLayers(request, options);
    if (!model.ok) return model;
    const { manifest, manifestHash, location } = model.value;
    return success({ manifest, manifestHash, folder: location });
  }

  async importHubModel(
    request: ImportHubRequest,
    options: LongCallOptions = {},
  ): Promise<Result<LoadedModel, EngineErrorCode>> {
    const model = await importHubModel(request, options);
    if (!model.ok) return model;
    const { manifest, manifestHash, location } = model.value;
    return success({ manifest, manifestHash, folder: location });
  }

  loadShard(request: LoadShardRequest, options: LongCallOptions = {}): Promise<Result<ShardHandle, EngineErrorCode>> {
    const load = this.#loading.then(() => this.#loadShard(request, options));
    // A load that throws is reported to its caller; the next one in the queue must start all the same.
    this.#loading = load.then(
      () => undefined,
      () => undefined,
    );
    return load;
  }

  async unloadShard(shardKey: string): Promise<Result<void, EngineErrorCode>> {
    const shard = this.#findShard(shardKey);
    if (!shard.ok) return shard;
    this.#shards.delete(shardKey);
    await shard.value.release();
    return success(undefined);
  }

  async tokenize(shardKey: string, input: TokenizeInput): Promise<Result<{ inputIds: number[] }, EngineErrorCode>> {
    const shard = this.#findShard(shardKey);
    return shard.ok ? shard.value.tokenize(input) : shard;
  }

  async openSequence(request: OpenSequenceRequest): Promise<Result<void, EngineErrorCode>> {
    const shard = this.#findShard(request.shardKey);
    return shard.ok ? shard.value.openSequence(request) : shard;
  }

  async forward(request: ForwardRequest): Promise<Result<ForwardOutput, EngineErrorCode>> {
    const shard = this.#findShard(request.shardKey);
    return shard.ok ? shard.value.forward(request, (pass) => this.#record(pass)) : shard;
  }

  async closeSequence(shardKey: string, sequenceId: string): Promise<Result<void, EngineErrorCode>> {
    this.#shards.get(shardKey)?.closeSequence(sequenceId);
    return success(undefined);
  }

  async metrics(): Promise<Result<EngineMetrics, EngineErrorCode>> {
    const shards = [...this.#shards.values()];
    const sum = (read: (shard: LoadedShard) => number): number => shards.reduce((total, one) => total + read(one), 0);
    return success({
      loadedShards: shards.length,
      openSequences: sum((shard) => shard.openSequences),
      kvBytes: sum((shard) => shard.kvBytes),
      prefixBytes: sum((shard) => shard.prefixBytes),
      reusedPositions: sum((shard) => shard.reusedPositions),
      kvReservedBytes: sum((shard) => shard.kvReservedBytes),
      positionsProcessed: this.#positionsProcessed,
      tokensSampled: this.#tokensSampled,
      graphRuns: sum((shard) => shard.runs),
      waitingPasses: sum((shard) => shard.waitingPasses),
      busyMs: this.#busyMs,
      residentBytes: process.memoryUsage.rss(),
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#loading;
    for (const shard of this.#shards.values()) await shard.release();
    this.#shards.clear();
    this.#models.clear();
  }

  async #loadShard(request: LoadShardRequest, options: LongCallOptions): Promise<Result<ShardHandle, EngineErrorCode>> {
    const runtime = await this.#openRuntime();
    if (!runtime.ok) return runtime;
    const { cacheFolder } = request;
    const read = await this.#readFolder(request.folder, { ...partOf(options, 0, READ_SHARE), cacheFolder });
    if (!read.ok) return read;
    const model = read.value;
    const inside = checkRange(model.config, request.range);
    if (!inside.ok) return inside;
    const { precision = 'fp32' } = request;
    const loaded = this.#shards.get(shardKeyOf(model.manifestHash, request.range, precision));
    if (loaded !== undefined) return success(loaded.handle);
    const placed = await placeShard(
      request,
      { runtime: runtime.value, model, precision, fileSystem: this.#options.fileSystem },
      partOf(options, READ_SHARE, 1 - READ_SHARE),
    );
    if (!placed.ok) return placed;
    const { session, plan } = placed.value;
    const handle = describeShard(model, request.range, precision, placed.value);
    const { resultsLeft } = this.#options;
    const shard = new LoadedShard(handle, model, session, plan.cacheBudgetBytes, { resultsLeft });
    shard.prepare();
    this.#shards.set(handle.shardKey, shard);
    options.onProgress?.(1, 'Ready');
    return success(handle);
  }

  async #readFolder(path: string, options: ReadModelOptions): Promise<Result<ModelFolder, EngineErrorCode>> {
    const folder = resolve(path);
    const remembered = this.#models.get(folder);
    if (remembered !== undefined && (await fingerprintOf(remembered.model)) === remembered.fingerprint) {
      return success(remembered.model);
    }
    const model = await readModelFolder(folder, options);
    if (!model.ok) return model;
    const fingerprint = await fingerprintOf(model.value);
    if (fingerprint !== undefined) this.#models.set(folder, { model: model.value, fingerprint });
    return model;
  }

  #findShard(shardKey: string): Result<LoadedShard, EngineErrorCode> {
    const shard = this.#shards.get(shardKey);
    if (shard !== undefined) return success(shard);
    return engineFailure('shard-unknown', 'This shard is not loaded.', { suggestion: 'Load it first.' });
  }

  async #openRuntime(): Promise<Result<OnnxRuntime, EngineErrorCode>> {
    if (this.#closed) return engineFailure('engine-gone', 'The engine was closed.');
    this.#runtime ??= (this.#options.loadRuntime ?? loadOnnxRuntime)();
    try {
      return success(await this.#runtime);
    } catch (thrown) {
      this.#runtime = undefined;
      return engineFailure('provider-failed', `onnxruntime could not be loaded: ${reasonOf(thrown)}`, {
        suggestion: 'Install the app again; on Windows, install the Visual C++ runtime.',
      });
    }
  }

  #record(pass: PassRecord): void {
    this.#positionsProcessed += pass.positions;
    this.#busyMs += pass.computeMs;
    this.#tokensSampled += pass.tokens;
  }
}

/** Undefined where a file is gone. */
async function fingerprintOf(model: ModelFolder): Promise<string | undefined> {
  try {
    const stats = await Promise.all(model.manifest.files.map(({ path }) => stat(join(model.folder, path))));
    return stats.map(({ size, mtimeMs }) => `${size}@${mtimeMs}`).join();
  } catch {
    return undefined;
  }
}

function describeShard(
  model: ModelFolder,
  range: LayerRange,
  precision: ShardPrecision,
  { plan, reasons, cutKeys }: PlacedShard,
): ShardHandle {
  const segments = plan.segments.map(
    ({ device: { provider, deviceId }, range: part, estimate }, index): SegmentHandle => ({
      provider,
      ...(deviceId === undefined ? {} : { deviceId }),
      range: part,
      cutKey: cutKeys[index] ?? '',
      weightBytes: estimate.weightBytes,
      memoryBytes: estimate.totalBytes,
    }),
  );
  const sum = (read: (estimate: ShardEstimate) => number): number =>
    plan.segments.reduce((total, { estimate }) => total + read(estimate), 0);
  return {
    shardKey: shardKeyOf(model.manifestHash, range, precision),
    modelId: model.manifest.model_id,
    manifestHash: model.manifestHash,
    range,
    totalLayers: model.config.shape.layers,
    precision,
    provider: [...new Set(segments.map(({ provider }) => provider))].join('+'),
    providerReasons: reasons,
    segments,
    weightBytes: sum((estimate) => estimate.weightBytes),
    kvBytesPerPosition: sum((estimate) => estimate.kvBytesPerPosition),
    memoryBytes: sum((estimate) => estimate.totalBytes),
  };
}
