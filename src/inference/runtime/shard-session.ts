import type { LayerRange } from '../../protocol/compute/model';
import { success, type Result } from '../../protocol/result';
import { cancelledFailure, engineFailure, reasonOf, type EngineErrorCode } from '../errors';
import type { DecoderConfig } from '../models/config';
import { PAGE_POSITIONS } from '../shards/estimate-shard';
import { SHARD_VALUES } from '../shards/shard-values';
import {
  cacheTypeOf,
  holdsFirstLayer,
  holdsLastLayer,
  type CacheType,
  type ShardPrecision,
} from '../shards/weight-layout';
import { KeyValuePool, type CacheNumbers, type KeyValueCache, type PageRange } from './key-value-pool';
import {
  floatsOf,
  halvesOf,
  sessionOptions,
  type OnnxRuntime,
  type OnnxSession,
  type OnnxTensor,
} from './onnx-runtime';
import { PassInputs, type Pass } from './pass-inputs';
import { selectProvider } from './provider-selection';
import { SequencePass, type ShardInput } from './sequence-pass';
import { measureSteadyRows, type SteadyRows } from './steady-rows';

export interface BeginOptions {
  /** Of a last shard: number of last positions whose logits are wanted, 1 to the number of positions. By default 1. */
  readonly logitRows?: number;
  /**
   * Whether a single position has the same bits alone as together with those of others, which takes longer on some
   * processors (`SteadyRows`). By default it has.
   */
  readonly isRepeatable?: boolean;
}

export interface PassOptions extends BeginOptions {
  /** Asked after each chunk. */
  readonly isCancelled?: () => boolean;
}

export interface OpenShardOptions {
  readonly runtime: OnnxRuntime;
  readonly config: DecoderConfig;
  readonly range: LayerRange;
  readonly precision: ShardPrecision;
  readonly graphPath: string;
  readonly providers: readonly string[];
  readonly threads?: number | undefined;
}

/** What one run of the graph gave. */
interface GraphRun {
  /** `[positions, width]`, or on a last shard `[at least the wanted rows of logits, width]`. */
  readonly output: Float32Array;
  /** Of all rows of the run, or of a prompt in one row. */
  readonly newKeyValues: CacheNumbers;
  readonly width: number;
  readonly rows: number;
}

/** An opened shard: runs new positions of any sequence whose cache it is given. */
export class ShardSession {
  readonly config: DecoderConfig;
  readonly range: LayerRange;
  /** Whether a position has the same bits whatever else is in its run. */
  readonly isSteady: boolean;
  readonly #runtime: OnnxRuntime;
  readonly #session: OnnxSession;
  readonly #pool: KeyValuePool;
  readonly #inputs: PassInputs;
  readonly #cacheType: CacheType;
  /** Rows every product needs at least, so that what comes together has the bits of what comes alone. */
  readonly #leastRows: number;

  private constructor(options: OpenShardOptions, session: OnnxSession, steady: SteadyRows) {
    this.config = options.config;
    this.range = options.range;
    this.#runtime = options.runtime;
    this.#session = session;
    this.#cacheType = cacheTypeOf(options.precision);
    this.isSteady = steady !== undefined;
    this.#leastRows = steady ?? 1;
    this.#pool = new KeyValuePool(options.runtime, options.config, options.range, options.precision);
    this.#inputs = new PassInputs(options.runtime, options.config, options.range);
  }

  /** Opens the graph on the first preferred provider that runs one position of it. */
  static async open(
    options: OpenShardOptions,
  ): Promise<Result<{ shard: ShardSession; provider: string; reasons: readonly string[] }, EngineErrorCode>> {
    const selected = await selectProvider({
      preferences: options.providers,
      listSupportedBackends: () => options.runtime.listSupportedBackends(),
      create: async (provider) => {
        const { runtime, precision, threads } = options;
        const steady = await measureSteadyRows(runtime, precision, provider, threads);
        const session = await runtime.createSession(options.graphPath, sessionOptions(provider, threads));
        return new ShardSession(options, session, steady);
      },
      verify: (shard) => shard.#runOnce(),
      release: (shard) => shard.release(),
    });
    if (!selected.ok) return selected;
    const { session: shard, provider, reasons } = selected.value;
    const unsteady = `${provider} gives answers that are served together other last bits than alone.`;
    return success({ shard, provider, reasons: shard.isSteady ? reasons : [...reasons, unsteady] });
  }

  get takesTokens(): boolean {
    return holdsFirstLayer(this.range);
  }

  get givesLogits(): boolean {
    return holdsLastLayer(this.config, this.range);
  }

  createCache(): KeyValueCache {
    return this.#pool.createCache();
  }

  /** Begins a pass of new positions behind those in the cache; `advance` runs it. */
  begin(
    cache: KeyValueCache,
    input: ShardInput,
    { logitRows = 1, isRepeatable = true }: BeginOptions = {},
  ): SequencePass {
    return new SequencePass(cache, input, this.config, this.givesLogits ? logitRows : undefined, isRepeatable);
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
    { isCancelled = () => false, ...options }: PassOptions = {},
  ): Promise<Result<Float32Array, EngineErrorCode>> {
    const pass = this.begin(cache, input, options);
    while (pass.next !== undefined) {
      const advanced = await this.advance([pass], () => isCancelled());
      if (!advanced.ok) return advanced;
    }
    return success(pass.output);
  }

  /**
   * Runs the graph once: the next run of one pass, or of several that each go on with a single position. A pass that fails
   * or is cancelled has its cache as it was before it began.
   *
   * @param isCancelled - asked about each pass after the run
   * @returns the failure of all of them, or of the only one; a cancelled pass among several is just undone
   */
  async advance(
    passes: readonly SequencePass[],
    isCancelled: (pass: SequencePass) => boolean = () => false,
  ): Promise<Result<void, EngineErrorCode>> {
    const result = await this.#runGraph(passes);
    for (const [row, pass] of passes.entries()) {
      // The sequence may have been closed while the graph ran; its cache is gone then.
      if (!result.ok || isCancelled(pass)) {
        pass.undo();
        continue;
      }
      const { output, newKeyValues, width, rows } = result.value;
      const count = pass.next?.count ?? 0;
      const isPrompt = pass.next?.mode === 'prompt';
      if (isPrompt) pass.cache.append(newKeyValues, count);
      else for (let at = 0; at < count; at++) pass.cache.append(newKeyValues, 1, { rows, row: row + at });
      const isOneOfRows = pass.next?.mode === 'single';
      pass.accept(isOneOfRows ? output.subarray(row * width, (row + 1) * width) : output, width);
    }
    if (!result.ok) return result;
    const [only] = passes;
    if (passes.length === 1 && only !== undefined && isCancelled(only)) return cancelledFailure('The pass');
    return success(undefined);
  }

  release(): Promise<void> {
    return this.#session.release();
  }

  async #runGraph(passes: readonly SequencePass[]): Promise<Result<GraphRun, EngineErrorCode>> {
    for (const { cache, next } of passes) cache.reserve(cache.length + (next?.count ?? 0));
    const [first] = passes;
    const isSingle = first?.next?.mode === 'single';
    const mustRepeat = passes.some(({ isRepeatable }) => isRepeatable);
    const emptyRows = isSingle && mustRepeat ? Math.max(0, this.#leastRows - passes.length) : 0;
    const rows = (isSingle ? passes.length : (first?.next?.count ?? 0)) + emptyRows;
    const { pass, range } = this.#describe(passes, emptyRows);
    const inputs = {
      ...this.#pool.inputs(range),
      ...this.#inputs.build(pass, range),
      ...this.#newPositions(passes, emptyRows),
    };
    if (this.givesLogits) {
      const wanted = isSingle ? rows : Math.min(rows, Math.max(this.#leastRows, first?.next?.logitRows ?? 1));
      inputs[SHARD_VALUES.logitStart] = this.#runtime.createTensor('int64', BigInt64Array.of(BigInt(-wanted)), [1]);
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
    const width = this.givesLogits ? this.config.shape.vocabulary_size : this.config.shape.hidden_size;
    const read = this.#cacheType === 'float32' ? floatsOf : halvesOf;
    return success({ output, newKeyValues: read(outputs, SHARD_VALUES.newKeyValues), width, rows });
  }

  #describe(passes: readonly SequencePass[], emptyRows: number): { pass: Pass; range: PageRange } {
    const [first] = passes;
    if (first?.next === undefined) throw new Error('a run needs a pass that is not done');
    if (passes.length + emptyRows > 1) {
      const caches = passes.map(({ cache }) => cache);
      return { pass: { mode: 'batch', caches, emptyRows }, range: this.#pool.gather(caches) };
    }
    const { mode, count } = first.next;
    const used = Math.ceil((first.cache.length + count) / PAGE_POSITIONS);
    const { start } = first.cache.pages;
    return { pass: { mode, cache: first.cache, positions: count }, range: { start, end: start + used } };
  }

  #newPositions(passes: readonly SequencePass[], emptyRows: number): Record<string, OnnxTensor> {
    const inputs = passes.flatMap(({ next }) => (next === undefined ? [] : [next.input]));
    if (this.takesTokens) {
      const ids = inputs.flatMap((input) => (input.kind === 'tokens' ? input.ids : []));
      for (let row = 0; row < emptyRows; row++) ids.push(ids[0] ?? 0);
      const data = BigInt64Array.from(ids, BigInt);
      return { [SHARD_VALUES.tokenIds]: this.#runtime.createTensor('int64', data, [1, data.length]) };
    }
    const hidden = this.config.shape.hidden_size;
    const parts = inputs.map((input) => (input.kind === 'activation' ? input.activation : new Float32Array()));
    // Any finite numbers do for an empty row; those of the first are at hand.
    const rows = joinFloats([...parts, ...Array.from({ length: emptyRows }, () => parts[0] ?? new Float32Array())]);
    return {
      [SHARD_VALUES.activationIn]: this.#runtime.createTensor('float32', rows, [1, rows.length / hidden, hidden]),
    };
  }

  /** One position through an empty cache: shows that the provider really runs the graph, and warms it up. */
  async #runOnce(): Promise<void> {
    const input: ShardInput = this.takesTokens
      ? { kind: 'tokens', ids: [0] }
      : { kind: 'activation', activation: new Float32Array(this.config.shape.hidden_size).fill(0.01), positions: 1 };
    const cache = this.createCache();
    const result = await this.run(cache, input);
    cache.dispose();
    if (!result.ok) throw new Error(result.error.message);
  }
}

function joinFloats(parts: readonly Float32Array[]): Float32Array {
  const [only] = parts;
  if (parts.length === 1 && only !== undefined) return only;
  const joined = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let place = 0;
  for (const part of parts) {
    joined.set(part, place);
    place += part.length;
  }
  return joined;
}

/** Whether no value is NaN or infinite. */
export function allFinite(values: Float32Array): boolean {
  // A sum of finite numbers in double precision stays finite; NaN and infinity do not go away in one.
  let sum = 0;
  for (const value of values) sum += value;
  return Number.isFinite(sum);
}
