import type { LayerRange } from '../../protocol/compute/model';
import { success, type Result } from '../../protocol/result';
import { cancelledFailure, engineFailure, reasonOf, type EngineErrorCode } from '../errors';
import type { DecoderConfig } from '../models/config';
import { SHARD_VALUES } from '../shards/shard-values';
import { PREFILL_CHUNK_POSITIONS } from '../shards/estimate-shard';
import { holdsFirstLayer, holdsLastLayer } from '../shards/weight-layout';
import { KeyValueCache } from './key-value-cache';
import { floatsOf, sessionOptions, type OnnxRuntime, type OnnxSession, type OnnxTensor } from './onnx-runtime';
import { selectProvider } from './provider-selection';

/** Checked input of a pass: token ids inside the vocabulary, or finite activations `[positions, hidden]`. */
export type ShardInput =
  | { readonly kind: 'tokens'; readonly ids: readonly number[] }
  | { readonly kind: 'activation'; readonly activation: Float32Array; readonly positions: number };

export interface PassOptions {
  /** Asked after each chunk. */
  readonly isCancelled?: () => boolean;
  /** Of a last shard: number of last positions whose logits are wanted, 1 to the number of positions. By default 1. */
  readonly logitRows?: number;
}

export interface OpenShardOptions {
  readonly runtime: OnnxRuntime;
  readonly config: DecoderConfig;
  readonly range: LayerRange;
  readonly graphPath: string;
  readonly providers: readonly string[];
  readonly threads?: number | undefined;
}

/** An opened shard: runs new positions of any sequence whose cache it is given. */
export class ShardSession {
  readonly config: DecoderConfig;
  readonly range: LayerRange;
  readonly #runtime: OnnxRuntime;
  readonly #session: OnnxSession;

  private constructor(options: OpenShardOptions, session: OnnxSession) {
    this.config = options.config;
    this.range = options.range;
    this.#runtime = options.runtime;
    this.#session = session;
  }

  /** Opens the graph on the first preferred provider that runs one position of it. */
  static async open(
    options: OpenShardOptions,
  ): Promise<Result<{ shard: ShardSession; provider: string; reasons: readonly string[] }, EngineErrorCode>> {
    const selected = await selectProvider({
      preferences: options.providers,
      listSupportedBackends: () => options.runtime.listSupportedBackends(),
      create: async (provider) => {
        const opened = sessionOptions(provider, options.threads);
        return new ShardSession(options, await options.runtime.createSession(options.graphPath, opened));
      },
      verify: (shard) => shard.#runOnce(),
      release: (shard) => shard.release(),
    });
    if (!selected.ok) return selected;
    const { session: shard, provider, reasons } = selected.value;
    return success({ shard, provider, reasons });
  }

  get takesTokens(): boolean {
    return holdsFirstLayer(this.range);
  }

  get givesLogits(): boolean {
    return holdsLastLayer(this.config, this.range);
  }

  createCache(): KeyValueCache {
    return new KeyValueCache(this.#runtime, this.config, this.range);
  }

  /**
   * Runs new positions behind those in the cache, in chunks; other work of the process gets its turn between them.
   *
   * @returns the activations `[positions, hidden]`, or from the last shard the logits `[logit rows, vocabulary]` of the
   * last positions. After a failure the cache holds what it held before.
   */
  async run(
    cache: KeyValueCache,
    input: ShardInput,
    { isCancelled = () => false, logitRows = 1 }: PassOptions = {},
  ): Promise<Result<Float32Array, EngineErrorCode>> {
    const positions = input.kind === 'tokens' ? input.ids.length : input.positions;
    const before = cache.length;
    const width = this.givesLogits ? this.config.shape.vocabulary_size : this.config.shape.hidden_size;
    const rows = this.givesLogits ? logitRows : positions;
    const output = new Float32Array(rows * width);
    cache.reserve(before + positions);
    for (let done = 0; done < positions;) {
      const count = Math.min(PREFILL_CHUNK_POSITIONS, positions - done);
      // Rows of the output that this chunk gives; a head that gives none still computes one.
      const given = Math.min(count, Math.max(0, done + count - (positions - rows)));
      const chunk = await this.#runChunk(cache, input, { start: done, count, logitRows: Math.max(1, given) });
      // The sequence may have been closed while the chunk ran; its cache is gone then.
      if (isCancelled()) return this.#undo(cache, before, cancelledFailure('The pass'));
      if (!chunk.ok) return this.#undo(cache, before, chunk);
      cache.append(chunk.value.newKeyValues, count);
      done += count;
      if (given === rows) return success(chunk.value.output);
      if (given > 0) output.set(chunk.value.output, (done - given - (positions - rows)) * width);
    }
    return success(output);
  }

  release(): Promise<void> {
    return this.#session.release();
  }

  #undo<Failed>(cache: KeyValueCache, length: number, failed: Failed): Failed {
    if (cache.length > length) cache.rewind(length);
    return failed;
  }

  async #runChunk(
    cache: KeyValueCache,
    input: ShardInput,
    { start, count, logitRows }: { readonly start: number; readonly count: number; readonly logitRows: number },
  ): Promise<Result<{ output: Float32Array; newKeyValues: Float32Array }, EngineErrorCode>> {
    const total = cache.length + count;
    const inputs: Record<string, OnnxTensor> = {
      ...cache.inputs,
      [SHARD_VALUES.pastLength]: this.#int64([cache.length]),
      [SHARD_VALUES.positionIds]: this.#int64(
        Array.from({ length: count }, (_, index) => cache.length + index),
        [1, count],
      ),
      [SHARD_VALUES.isSingle]: this.#runtime.createTensor('bool', Uint8Array.of(count === 1 ? 1 : 0), []),
      [SHARD_VALUES.totalLength]: this.#int64([total]),
      [SHARD_VALUES.lastPosition]: this.#runtime.createTensor('int32', Int32Array.of(total - 1), [1]),
      [SHARD_VALUES.totalLengthScalar]: this.#runtime.createTensor('int32', Int32Array.of(total), []),
    };
    if (this.givesLogits) inputs[SHARD_VALUES.logitStart] = this.#int64([-logitRows]);
    if (input.kind === 'tokens') {
      const ids = BigInt64Array.from(input.ids.slice(start, start + count), BigInt);
      inputs[SHARD_VALUES.tokenIds] = this.#runtime.createTensor('int64', ids, [1, count]);
    } else {
      const hidden = this.config.shape.hidden_size;
      const rows = input.activation.subarray(start * hidden, (start + count) * hidden);
      inputs[SHARD_VALUES.activationIn] = this.#runtime.createTensor('float32', rows, [1, count, hidden]);
    }
    let outputs;
    try {
      outputs = await this.#session.run(inputs);
    } catch (thrown) {
      return engineFailure('run-failed', `The execution provider failed: ${reasonOf(thrown)}`, { retryable: true });
    }
    const output = floatsOf(outputs, this.givesLogits ? SHARD_VALUES.logits : SHARD_VALUES.activationOut);
    if (!allFinite(output)) {
      return engineFailure('output-invalid', 'The result holds numbers that are not finite; it was discarded.', {
        suggestion: 'The weights or the input may be damaged.',
      });
    }
    return success({ output, newKeyValues: floatsOf(outputs, SHARD_VALUES.newKeyValues) });
  }

  #int64(values: readonly number[], dimensions: readonly number[] = [values.length]): OnnxTensor {
    return this.#runtime.createTensor('int64', BigInt64Array.from(values, BigInt), dimensions);
  }

  /** One position through an empty cache: shows that the provider really runs the graph, and warms it up. */
  async #runOnce(): Promise<void> {
    const input: ShardInput = this.takesTokens
      ? { kind: 'tokens', ids: [0] }
      : { kind: 'activation', activation: new Float32Array(this.config.shape.hidden_size).fill(0.01), positions: 1 };
    const result = await this.run(this.createCache(), input);
    if (!result.ok) throw new Error(result.error.message);
  }
}

/** Whether no value is NaN or infinite. */
export function allFinite(values: Float32Array): boolean {
  for (const value of values) if (!Number.isFinite(value)) return false;
  return true;
}
