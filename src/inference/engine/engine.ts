import type { ChatMessage, LayerRange, ModelManifest, Sampling } from '../../protocol/compute/model';
import type { Result } from '../../protocol/result';
import type { Device, DeviceLimit } from '../device';
import type { EngineErrorCode } from '../errors';
import type { FetchLayersRequest } from '../models/fetch/fetch-layers';
import type { ImportHubRequest } from '../models/fetch/import-hub';
import type { ShardPrecision } from '../shards/weight-layout';
import type { LongCallOptions } from '../long-call';
import type { TokenPiece } from '../tokenizer/token-pieces';

export type { Device, DeviceLimit } from '../device';
export type { EngineErrorCode } from '../errors';
export type { FetchLayersRequest } from '../models/fetch/fetch-layers';
export type { HubRequest } from '../models/fetch/hub-listing';
export type { ImportHubRequest } from '../models/fetch/import-hub';
export type { LongCallOptions, ProgressCallback } from '../long-call';
export type { ModelSource } from '../models/fetch/http-ranges';
export type { ShardPrecision } from '../shards/weight-layout';

export interface ReadModelOptions extends LongCallOptions {
  /** That of `LoadShardRequest`. */
  readonly cacheFolder?: string | undefined;
}

/** One execution provider of onnxruntime (`cpu`, `cuda`, `tensorrt`, `dml`, `coreml`, `webgpu`) and whether it runs here. */
export interface ProviderReport {
  readonly name: string;
  readonly available: boolean;
  /** Why it is not available. */
  readonly reason?: string;
}

/** A provider that decoded the reference transformer, or why it could not. */
export interface ProviderTrial extends ProviderReport {
  /** The card, where a provider drives several and this is not the one it takes by itself. */
  readonly deviceId?: number;
  /** Absent where it is not available. */
  readonly tokensPerSecond?: number;
}

/**
 * What this machine measured, by running real graphs in the engine.
 * The three scores carry the field names of the hardware profile on the wire, so that they are copied there unchanged;
 * `benchmark/scores.ts` says how each is derived from its figure.
 */
export interface BenchmarkReport {
  /** 0..1 from `matmulGflopsPerSecond`. */
  readonly matmul_score: number;
  /** 0..1 from `memoryGigabytesPerSecond`. */
  readonly memory_score: number;
  /** 0..1 from `medianTokenLatencyMs`. */
  readonly latency_score: number;
  /** 10^9 floating-point operations per second of large matrix products. */
  readonly matmulGflopsPerSecond: number;
  /** 10^9 bytes per second read and written by an elementwise sum over arrays larger than the caches. */
  readonly memoryGigabytesPerSecond: number;
  /** Decode speed of the reference transformer. */
  readonly tokensPerSecond: number;
  readonly medianTokenLatencyMs: number;
  /** The provider that decoded fastest; products and memory too where it runs those, else the processor. */
  readonly provider: string;
  /** Every known provider and its further cards: those that run, fastest first, then the others. */
  readonly providers: readonly ProviderTrial[];
  readonly durationMs: number;
}

/** A model folder that was read and checked. */
export interface LoadedModel {
  readonly manifest: ModelManifest;
  /** SHA-256 of the canonical JSON of `manifest`, lower-case hexadecimal. */
  readonly manifestHash: string;
  /** The folder, or the GGUF file. */
  readonly folder: string;
}

/** Neighbouring layers of a shard that one device runs. */
export interface SegmentHandle extends Device {
  readonly range: LayerRange;
  /** Name of its files in the cache folder. */
  readonly cutKey: string;
  /** Bytes of its weights. */
  readonly weightBytes: number;
  /** Weights, scratch memory and KV cache of one sequence, as estimated before loading. */
  readonly memoryBytes: number;
}

/** A shard that is in memory and can serve. */
export interface ShardHandle {
  readonly shardKey: string;
  readonly modelId: string;
  readonly manifestHash: string;
  readonly range: LayerRange;
  readonly totalLayers: number;
  /** How its weights are held; `fp32` where it is left out. */
  readonly precision?: ShardPrecision;
  /** The execution provider that runs it; of several all of them in the order of their layers, as `cuda+cpu`. */
  readonly provider: string;
  /** Why other devices were passed over, one sentence each. */
  readonly providerReasons: readonly string[];
  /** Which device runs which layers, in their order. */
  readonly segments: readonly SegmentHandle[];
  /** Bytes of its weights as the engine holds them. */
  readonly weightBytes: number;
  /** Bytes one position of one sequence takes in the KV cache. */
  readonly kvBytesPerPosition: number;
  /** Weights, scratch memory and KV cache of one sequence, as estimated before loading. */
  readonly memoryBytes: number;
}

export interface LoadShardRequest {
  /** A Hugging Face folder, a GGUF file, or a folder with one. */
  readonly folder: string;
  readonly range: LayerRange;
  /** Cut shards are kept here and found again. */
  readonly cacheFolder: string;
  /**
   * Upper bound for weights, scratch memory and all KV caches of this shard. With `devices` it is that of main memory: what
   * the processor runs, and the KV caches of all layers.
   */
  readonly memoryBudgetBytes: number;
  /** How the weights are held: exact, or in 8 or 4 bits with a scale per 32 weights. By default `fp32`. */
  readonly precision?: ShardPrecision | undefined;
  /** Execution providers, best first, of which one runs all layers; `cpu` is always the last resort, and the only one by default. */
  readonly providers?: readonly string[] | undefined;
  /**
   * In place of `providers`: devices that hold the layers together, fastest first. Each takes as many as fit, the next one
   * the rest. One that fails is left out; no other than these is used.
   */
  readonly devices?: readonly DeviceLimit[] | undefined;
  /** Threads of one pass; by default onnxruntime decides. */
  readonly threads?: number | undefined;
}

export type TokenizeInput = { readonly prompt: string } | { readonly messages: readonly ChatMessage[] };

export interface OpenSequenceRequest {
  readonly shardKey: string;
  /** Names the KV cache; the same on every shard of a pipeline. */
  readonly sequenceId: string;
  /** Prompt and answer together; KV memory for it is reserved now and allocated as it fills. */
  readonly maxPositions: number;
  /**
   * Given on the last shard, which then answers with tokens. Without it the last shard answers with the logits
   * `[1, vocabulary]` of the last position as an activation, which is what challenges and tests compare.
   */
  readonly sampling?: Sampling | undefined;
  /** Tokens after which the last shard finishes with `length`. */
  readonly maxNewTokens?: number | undefined;
  /**
   * On a last shard that takes an answer over: what was sampled elsewhere so far. The next token is then the one that
   * shard would have sampled, given the same settings with a seed; its text does not repeat what was given out. Before it,
   * the cache is filled with passes that do not sample.
   */
  readonly answered?: AnsweredSoFar | undefined;
  /**
   * Who may reuse what this sequence computes of its prompt, and whose earlier prompts it may reuse: sequences of the same
   * scope that begin with exactly the same chunks. The answers are the same bits either way. Without it nothing is kept.
   */
  readonly reuseScope?: string | undefined;
  /**
   * Whether the answer has to be the same bits whatever else is served at the same time, and where guesses are verified or
   * a shard takes over. By default it has; where nobody could tell, as with tokens drawn at random, a step that goes alone
   * may take a kernel that rounds differently and is faster.
   */
  readonly isRepeatable?: boolean | undefined;
}

/** Tokens of an answer, the first of which was sampled when the cache held `promptPositions`. */
export interface AnsweredSoFar {
  readonly promptPositions: number;
  readonly tokenIds: readonly number[];
}

/**
 * Token ids for a first shard, activations `[positions, hidden]` for every other one.
 *
 * Up to `1 + MAX_DRAFT_IDS` positions give, bit for bit, what they give one after the other, whatever else the shard serves.
 * More are a prompt: in pieces cut at multiples of 128 positions it gives the bits of the whole. Who builds a cache again
 * and wants equal bits sends the same pieces.
 */
export type ForwardInput =
  { readonly inputIds: readonly number[] } | { readonly activation: Float32Array; readonly positions: number };

export interface ForwardRequest {
  readonly shardKey: string;
  readonly sequenceId: string;
  /**
   * Position of the first input. Equal to the cached length, or lower: then the cache, and where the last shard samples
   * the sampled text, go back to it first. Retries and rejected drafts rely on that.
   */
  readonly position: number;
  readonly input: ForwardInput;
  /**
   * Last shard of a sequence that samples: `false` only fills the cache, so that a prompt can come in pieces; the answer
   * is `filled`. True where it is left out. Other shards do not look at it.
   */
  readonly sample?: boolean | undefined;
  /**
   * Last shard of a sequence that samples: the inputs are the positions of `[last token, ...drafts]`, at most
   * `MAX_DRAFT_IDS` drafts. A token is sampled behind each of them while the one before equals its draft, so the answer
   * has one token more than drafts were right. Tokens and their random numbers are those of passes without drafts. The
   * next pass begins behind the last right draft, which forgets the wrong ones. Other shards do not look at it.
   */
  readonly draftIds?: readonly number[] | undefined;
}

/** Drafts of one pass: far more than a lookup guesses right, and few enough for one pass over the weights. */
export const MAX_DRAFT_IDS = 63;

export interface ActivationOutput {
  readonly kind: 'activation';
  /** `[positions, hidden]`, row by row. */
  readonly activation: Float32Array;
  readonly positions: number;
  readonly computeMs: number;
}

/** A token and the natural logarithm of its probability. */
export interface TokenLogProbability extends TokenPiece {
  readonly tokenId: number;
  readonly logProbability: number;
}

/** What the model itself says of a sampled token: softmax of its logits before penalties, temperature and cuts. */
export interface LogProbabilities {
  readonly own: TokenLogProbability;
  /** The most likely tokens, likeliest first; as many as the sampling settings ask for. */
  readonly top: readonly TokenLogProbability[];
}

/** A sampled token. */
export interface GeneratedToken {
  readonly tokenId: number;
  /** New text, free of stop strings and of halves of characters; on finish it includes all that was held back. */
  readonly text: string;
  /** Where the sampling settings ask for them. */
  readonly logProbabilities?: LogProbabilities;
}

export interface TokenOutput {
  readonly kind: 'token';
  /** One token; behind drafts up to one more than there were drafts. */
  readonly tokens: readonly GeneratedToken[];
  /** The answer ended with the last of `tokens`. */
  readonly finishReason?: 'stop' | 'length';
  readonly computeMs: number;
}

/** The last shard took a piece of a prompt and waits for the rest. */
export interface FilledOutput {
  readonly kind: 'filled';
  readonly positions: number;
  readonly computeMs: number;
}

export type ForwardOutput = ActivationOutput | TokenOutput | FilledOutput;

export interface EngineMetrics {
  readonly loadedShards: number;
  readonly openSequences: number;
  /** KV memory allocated now, over all shards. */
  readonly kvBytes: number;
  /** Memory of chunks of earlier prompts that are kept for their requesters; it gives way to open sequences. */
  readonly prefixBytes: number;
  /** Positions that were taken from there instead of computed, by the shards that are loaded. */
  readonly reusedPositions: number;
  /** KV memory promised to open sequences. */
  readonly kvReservedBytes: number;
  /** Positions that went through a shard since the engine started, counted once per shard. */
  readonly positionsProcessed: number;
  /** Tokens sampled since the engine started. */
  readonly tokensSampled: number;
  /** Runs of graphs by the shards that are loaded; one run may carry steps of several sequences. */
  readonly graphRuns: number;
  /** Passes that wait for their turn. */
  readonly waitingPasses: number;
  /** Time spent computing since the engine started. */
  readonly busyMs: number;
  /** Resident memory of the engine's process. */
  readonly residentBytes: number;
}

/**
 * Everything the other rooms ask of inference. `LocalEngine` does it in this process; `EngineClient` is the same over a
 * port to an engine process, whose crash fails open calls with `engine-gone`.
 *
 * Life of a request on one shard:
 *
 * ```
 * loadShard ─► openSequence ─► forward (prefill) ─► forward (one position) … ─► closeSequence ─► unloadShard
 *                                   ▲      │ finishReason, failure                  ▲
 *                                   └──────┘ lower position: go back               └─ also cancels a forward under way
 * ```
 */
export interface Engine {
  /** Execution providers known to the runtime, each tried by running a small graph. */
  listProviders(): Promise<Result<ProviderReport[], EngineErrorCode>>;
  benchmark(options?: LongCallOptions): Promise<Result<BenchmarkReport, EngineErrorCode>>;
  /**
   * Reads and checks a Hugging Face folder or a GGUF file (also a folder with one); hashes its files, which takes a while for
   * large ones, unless a cache folder holds the hashes of the unchanged files.
   */
  readModel(folder: string, options?: ReadModelOptions): Promise<Result<LoadedModel, EngineErrorCode>>;
  /**
   * Fetches the layers of a range into a folder, which then stands for the model as far as these layers go. What is there
   * already is not fetched again.
   */
  fetchLayers(request: FetchLayersRequest, options?: LongCallOptions): Promise<Result<LoadedModel, EngineErrorCode>>;
  /** Fetches a model of a hub whole into a folder, verified file by file, and reads it. What is there is not fetched again. */
  importHubModel(request: ImportHubRequest, options?: LongCallOptions): Promise<Result<LoadedModel, EngineErrorCode>>;
  /** Cuts the shard if the cache does not hold it, then opens it. Loading a loaded shard again returns its handle. */
  loadShard(request: LoadShardRequest, options?: LongCallOptions): Promise<Result<ShardHandle, EngineErrorCode>>;
  /** Frees a shard; its sequences are closed and their forwards fail with `cancelled`. */
  unloadShard(shardKey: string): Promise<Result<void, EngineErrorCode>>;
  /** A prompt is taken as it is; messages go through the model's chat template. */
  tokenize(shardKey: string, input: TokenizeInput): Promise<Result<{ inputIds: number[] }, EngineErrorCode>>;
  openSequence(request: OpenSequenceRequest): Promise<Result<void, EngineErrorCode>>;
  /**
   * Runs new positions of a sequence through a shard. Of one sequence a second pass may be asked for while the first one
   * runs, and runs behind it; a third one fails with `sequence-busy`.
   */
  forward(request: ForwardRequest): Promise<Result<ForwardOutput, EngineErrorCode>>;
  /** Frees the KV cache. Closing an unknown sequence succeeds, so that clean-up can be repeated. */
  closeSequence(shardKey: string, sequenceId: string): Promise<Result<void, EngineErrorCode>>;
  metrics(): Promise<Result<EngineMetrics, EngineErrorCode>>;
  /** Frees everything. The engine takes no call afterwards. */
  close(): Promise<void>;
}
