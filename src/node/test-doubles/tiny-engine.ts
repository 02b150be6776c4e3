import type {
  BenchmarkReport,
  Engine,
  EngineErrorCode,
  EngineMetrics,
  FetchLayersRequest,
  ForwardOutput,
  ForwardRequest,
  GeneratedToken,
  ImportHubRequest,
  LoadedModel,
  LoadShardRequest,
  LongCallOptions,
  OpenSequenceRequest,
  ProviderReport,
  SegmentHandle,
  ShardHandle,
  TokenizeInput,
} from '../../inference';
import { failure, success, type Result } from '../../protocol/result';
import type { RunningEngine, StartEngine } from '../engine-process-spawner';
import { TINY_HASH, tinyManifest } from './tiny-model';

const BYTES_PER_LAYER = 100;

/** Half of what is left for each token from the picked one on; all of them are half a character. */
function describe(tokenId: number, count: number): Pick<GeneratedToken, 'logProbabilities'> {
  const top = Array.from({ length: count }, (_, index) => ({
    tokenId: (tokenId + index) % 64,
    text: '\uFFFD',
    bytes: [0xc3],
    logProbability: -Math.LN2 * (index + 1),
  }));
  return { logProbabilities: { own: { tokenId, text: `<${tokenId}>`, logProbability: -Math.LN2 }, top } };
}

/** As many layers on each device, whatever their memory. */
function splitEvenly({
  range,
  devices = [{ provider: 'cpu', memoryBudgetBytes: 0 }],
}: LoadShardRequest): SegmentHandle[] {
  const layers = range.layer_end - range.layer_start + 1;
  return devices.map(({ provider, deviceId }, index) => {
    const first = range.layer_start + Math.floor((index * layers) / devices.length);
    const last = range.layer_start + Math.floor(((index + 1) * layers) / devices.length) - 1;
    const memoryBytes = (last - first + 1) * BYTES_PER_LAYER;
    return {
      provider,
      ...(deviceId === undefined ? {} : { deviceId }),
      range: { layer_start: first, layer_end: last },
      cutKey: `tiny-${first}-${last}`,
      weightBytes: memoryBytes,
      memoryBytes,
    };
  });
}

/**
 * An engine of exact arithmetic for tests. A position's hidden state is `[value, position]`: the embedding takes the
 * token id, each layer adds 1, the head picks `value + 1` modulo 64. So a token id t comes out of a model of n layers as
 * (t + n + 1) % 64, however the layers are split.
 */
export class TinyEngine implements Engine {
  readonly manifest = tinyManifest({ bytesPerLayer: BYTES_PER_LAYER });
  readonly shards = new Map<string, ShardHandle>();
  readonly sequences = new Map<
    string,
    { open: OpenSequenceRequest; positions: number; tokens: number; prompt: number }
  >();
  readonly fetches: FetchLayersRequest[] = [];
  readonly imports: ImportHubRequest[] = [];
  readonly loads: LoadShardRequest[] = [];
  /** The failure of the next forward. */
  failNext: { code: EngineErrorCode; message: string } | null = null;
  /** Forwards wait for it when set. */
  gate: Promise<void> | null = null;
  closed = false;

  constructor(readonly exit: (reason: string) => void) {}

  async listProviders(): Promise<Result<ProviderReport[], EngineErrorCode>> {
    return success([{ name: 'cpu', available: true }]);
  }

  async benchmark(options: LongCallOptions = {}): Promise<Result<BenchmarkReport, EngineErrorCode>> {
    options.onProgress?.(1, 'done');
    return success({
      matmul_score: 0.25,
      memory_score: 0.5,
      latency_score: 0.75,
      matmulGflopsPerSecond: 10,
      memoryGigabytesPerSecond: 20,
      tokensPerSecond: 30,
      medianTokenLatencyMs: 33,
      provider: 'cpu',
      providers: [
        { name: 'cpu', available: true, tokensPerSecond: 30 },
        { name: 'cuda', available: false, reason: 'cuda is not part of onnxruntime on this system.' },
      ],
      durationMs: 1,
    });
  }

  async readModel(folder: string): Promise<Result<LoadedModel, EngineErrorCode>> {
    if (folder !== '/models/tiny') return failure('model-not-found', `${folder} holds no model.`);
    return success({ manifest: this.manifest, manifestHash: TINY_HASH, folder });
  }

  async fetchLayers(request: FetchLayersRequest): Promise<Result<LoadedModel, EngineErrorCode>> {
    this.fetches.push(request);
    return success({ manifest: request.manifest, manifestHash: TINY_HASH, folder: request.folder });
  }

  async importHubModel(request: ImportHubRequest): Promise<Result<LoadedModel, EngineErrorCode>> {
    this.imports.push(request);
    return success({ manifest: this.manifest, manifestHash: TINY_HASH, folder: request.folder });
  }

  async loadShard(
    request: LoadShardRequest,
    options: LongCallOptions = {},
  ): Promise<Result<ShardHandle, EngineErrorCode>> {
    this.loads.push(request);
    options.onProgress?.(0.5, 'half');
    const layers = request.range.layer_end - request.range.layer_start + 1;
    const memoryBytes = layers * BYTES_PER_LAYER;
    if (memoryBytes > request.memoryBudgetBytes) {
      return failure(
        'memory-insufficient',
        `The shard needs ${memoryBytes} bytes and ${request.memoryBudgetBytes} are allowed.`,
      );
    }
    const handle: ShardHandle = {
      shardKey: `tiny-${request.range.layer_start}-${request.range.layer_end}`,
      modelId: this.manifest.model_id,
      manifestHash: TINY_HASH,
      range: request.range,
      totalLayers: this.manifest.total_layers,
      ...(request.precision === undefined ? {} : { precision: request.precision }),
      provider: 'cpu',
      providerReasons: [],
      segments: splitEvenly(request),
      weightBytes: memoryBytes,
      kvBytesPerPosition: 8,
      memoryBytes,
    };
    this.shards.set(handle.shardKey, handle);
    return success(handle);
  }

  async unloadShard(shardKey: string): Promise<Result<void, EngineErrorCode>> {
    this.shards.delete(shardKey);
    return success(undefined);
  }

  async tokenize(_shardKey: string, input: TokenizeInput): Promise<Result<{ inputIds: number[] }, EngineErrorCode>> {
    const text = 'prompt' in input ? input.prompt : input.messages.map(({ content }) => content).join('');
    return success({ inputIds: [...text].map((character) => character.charCodeAt(0) % 64) });
  }

  async openSequence(request: OpenSequenceRequest): Promise<Result<void, EngineErrorCode>> {
    if (this.sequences.has(request.sequenceId)) return failure('sequence-exists', 'It is open already.');
    const prompt = request.maxPositions - (request.maxNewTokens ?? 0);
    this.sequences.set(request.sequenceId, { open: request, positions: 0, tokens: 0, prompt });
    return success(undefined);
  }

  async forward(request: ForwardRequest): Promise<Result<ForwardOutput, EngineErrorCode>> {
    if (this.gate !== null) await this.gate;
    const shard = this.shards.get(request.shardKey);
    const sequence = this.sequences.get(request.sequenceId);
    if (shard === undefined) return failure('shard-unknown', 'There is no such shard.');
    if (sequence === undefined) return failure('cancelled', 'The sequence was closed.');
    if (this.failNext !== null) {
      const { code, message } = this.failNext;
      this.failNext = null;
      return failure(code, message);
    }
    if (request.position > sequence.positions) {
      return failure('position-mismatch', `Position ${request.position} came, ${sequence.positions} was due.`);
    }
    const { input } = request;
    const rows =
      'inputIds' in input
        ? input.inputIds.flatMap((id, index) => [id, request.position + index])
        : Array.from(input.activation);
    const layers = shard.range.layer_end - shard.range.layer_start + 1;
    const activation = Float32Array.from(rows.map((value, index) => (index % 2 === 0 ? value + layers : value)));
    const positions = rows.length / 2;
    sequence.positions = request.position + positions;
    if (sequence.positions > sequence.open.maxPositions) return failure('context-exceeded', 'Too many positions.');
    if (shard.range.layer_end < shard.totalLayers - 1) {
      return success({ kind: 'activation', activation, positions, computeMs: 1 });
    }
    if (request.sample === false) return success({ kind: 'filled', positions, computeMs: 1 });
    const drafts = request.draftIds ?? [];
    const wanted = sequence.open.sampling?.top_logprobs;
    const tokens: GeneratedToken[] = [];
    for (let row = positions - 1 - drafts.length; row < positions; row += 1) {
      const tokenId = ((activation[row * 2] ?? 0) + 1) % 64;
      tokens.push({ tokenId, text: `<${tokenId}>`, ...(wanted === undefined ? {} : describe(tokenId, wanted)) });
      if (tokenId !== drafts[tokens.length - 1]) break;
    }
    sequence.tokens = Math.max(0, request.position + positions - drafts.length - sequence.prompt) + tokens.length;
    const finished = sequence.tokens >= (sequence.open.maxNewTokens ?? Infinity);
    return success({ kind: 'token', tokens, computeMs: 1, ...(finished ? { finishReason: 'length' as const } : {}) });
  }

  async closeSequence(_shardKey: string, sequenceId: string): Promise<Result<void, EngineErrorCode>> {
    this.sequences.delete(sequenceId);
    return success(undefined);
  }

  async metrics(): Promise<Result<EngineMetrics, EngineErrorCode>> {
    return success({
      loadedShards: this.shards.size,
      openSequences: this.sequences.size,
      kvBytes: 0,
      prefixBytes: 0,
      reusedPositions: 0,
      kvReservedBytes: 0,
      positionsProcessed: 0,
      tokensSampled: 0,
      graphRuns: 0,
      waitingPasses: 0,
      busyMs: 0,
      residentBytes: 0,
    });
  }

  async close(): Promise<void> {
    this.closed = true;
    this.exit('it was closed');
  }
}

/** Starts engines for tests and remembers them, newest last. */
export function tinyEngines(): { start: StartEngine; engines: TinyEngine[] } {
  const engines: TinyEngine[] = [];
  return {
    engines,
    start: async () => {
      let exit = (_reason: string): void => undefined;
      const exited = new Promise<string>((resolve) => {
        exit = resolve;
      });
      const engine = new TinyEngine(exit);
      engines.push(engine);
      const running: RunningEngine = { engine, exited };
      return success(running);
    },
  };
}
