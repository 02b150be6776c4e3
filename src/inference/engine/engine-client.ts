import type { Result } from '../../protocol/result';
import { cancelledFailure, engineFailure, type EngineErrorCode, type EngineFailure } from '../errors';
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
  ProgressCallback,
  ProviderReport,
  ReadModelOptions,
  ShardHandle,
  TokenizeInput,
} from './engine';
import { answerCheck, progressCheck, type EngineMethod } from './messages';
import type { Port } from './port';

/** How long a closing engine may take to free its memory before its process is ended. */
const CLOSE_TIMEOUT_MS = 3_000;

interface PendingCall {
  /** Gets whatever the engine answered; each method knows its own type. */
  readonly settle: (result: Result<never, EngineErrorCode>) => void;
  readonly onProgress: ProgressCallback | undefined;
}

/**
 * The engine in another process. Every call waits for its answer; when the process ends, open calls and all later ones
 * fail with `engine-gone`, which a caller may retry on a new process.
 */
export class EngineClient implements Engine {
  readonly #port: Port;
  readonly #pending = new Map<number, PendingCall>();
  #nextId = 0;
  #gone: EngineFailure | undefined;

  constructor(port: Port) {
    this.#port = port;
    port.onMessage((message) => this.#receive(message));
    port.onClose((reason) => this.#fail(reason));
  }

  listProviders(): Promise<Result<ProviderReport[], EngineErrorCode>> {
    return this.#call('listProviders', {});
  }

  benchmark(options: LongCallOptions = {}): Promise<Result<BenchmarkReport, EngineErrorCode>> {
    return this.#call('benchmark', {}, options);
  }

  readModel(folder: string, options: ReadModelOptions = {}): Promise<Result<LoadedModel, EngineErrorCode>> {
    return this.#call('readModel', { folder, cacheFolder: options.cacheFolder }, options);
  }

  fetchLayers(
    request: FetchLayersRequest,
    options: LongCallOptions = {},
  ): Promise<Result<LoadedModel, EngineErrorCode>> {
    return this.#call('fetchLayers', request, options);
  }

  importHubModel(
    request: ImportHubRequest,
    options: LongCallOptions = {},
  ): Promise<Result<LoadedModel, EngineErrorCode>> {
    return this.#call('importHubModel', request, options);
  }

  loadShard(request: LoadShardRequest, options: LongCallOptions = {}): Promise<Result<ShardHandle, EngineErrorCode>> {
    return this.#call('loadShard', request, options);
  }

  unloadShard(shardKey: string): Promise<Result<void, EngineErrorCode>> {
    return this.#call('unloadShard', { shardKey });
  }

  tokenize(shardKey: string, input: TokenizeInput): Promise<Result<{ inputIds: number[] }, EngineErrorCode>> {
    return this.#call('tokenize', { shardKey, input });
  }

  openSequence(request: OpenSequenceRequest): Promise<Result<void, EngineErrorCode>> {
    return this.#call('openSequence', request);
  }

  forward(request: ForwardRequest): Promise<Result<ForwardOutput, EngineErrorCode>> {
    return this.#call('forward', request);
  }

  closeSequence(shardKey: string, sequenceId: string): Promise<Result<void, EngineErrorCode>> {
    return this.#call('closeSequence', { shardKey, sequenceId });
  }

  metrics(): Promise<Result<EngineMetrics, EngineErrorCode>> {
    return this.#call('metrics', {});
  }

  /** Asks the engine to free everything, then ends its process, at the latest after three seconds. */
  async close(): Promise<void> {
    if (this.#gone === undefined) {
      let timer: NodeJS.Timeout | undefined;
      const timeout = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, CLOSE_TIMEOUT_MS);
      });
      await Promise.race([this.#call('close', {}), timeout]);
      clearTimeout(timer);
    }
    this.#fail('it was closed');
    this.#port.close();
  }

  #call<Value>(
    method: EngineMethod,
    input: object,
    options: LongCallOptions = {},
  ): Promise<Result<Value, EngineErrorCode>> {
    const { signal, onProgress } = options;
    if (this.#gone !== undefined) return Promise.resolve({ ok: false, error: this.#gone });
    if (signal?.aborted === true) return Promise.resolve(cancelledFailure('The call'));
    const id = this.#nextId++;
    return new Promise((resolve) => {
      const cancel = (): void => this.#port.post({ type: 'cancel', id });
      const settle = (result: Result<never, EngineErrorCode>): void => {
        signal?.removeEventListener('abort', cancel);
        resolve(result);
      };
      this.#pending.set(id, { settle, onProgress });
      signal?.addEventListener('abort', cancel, { once: true });
      this.#port.post({ type: 'call', id, method, input });
    });
  }

  #receive(message: unknown): void {
    if (progressCheck.Check(message)) {
      this.#pending.get(message.id)?.onProgress?.(message.fraction, message.label);
      return;
    }
    if (!answerCheck.Check(message)) return;
    const call = this.#pending.get(message.id);
    this.#pending.delete(message.id);
    // The engine is this program in another process; the value's type follows from the method that was called.
    call?.settle(message.result as Result<never, EngineErrorCode>);
  }

  #fail(reason: string): void {
    if (this.#gone !== undefined) return;
    this.#gone = engineFailure('engine-gone', `The engine's process is gone: ${reason}.`, {
      retryable: true,
      suggestion: 'Start it again and load the shard.',
    }).error;
    const calls = [...this.#pending.values()];
    this.#pending.clear();
    for (const { settle } of calls) settle({ ok: false, error: this.#gone });
  }
}
