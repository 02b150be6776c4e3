import type { LayerRange } from '../../protocol/compute/model';
import { success, type Result } from '../../protocol/result';
import { allFinite } from '../../protocol/wire/activation-coding';
import { engineFailure, reasonOf, type EngineErrorCode } from '../errors';
import type { DecoderConfig } from '../models/config';
import { PAGE_POSITIONS } from '../shards/estimate-shard';
import { SHARD_VALUES } from '../shards/shard-values';
import type { GraphForm } from '../shards/graph-form';
import { holdsFirstLayer, holdsLastLayer } from '../shards/weight-layout';
import { deviceName, type Device } from '../device';
import { CardPages } from './card-pages';
import { KeyValuePool, pageArraysOf, type KeyValueCache } from './key-value-pool';
import {
  floatsOf,
  halvesOf,
  sessionOptions,
  type OnnxRuntime,
  type OnnxSession,
  type OnnxTensor,
} from './onnx-runtime';
import { MainMemoryPages, type CacheNumbers, type PageArrays, type PageRange, type PageStore } from './page-store';
import { CardInputs, MainMemoryInputs, type Pass, type PassInputs, type PlannedRun } from './pass-inputs';
import type { SteadyRows } from './steady-rows';

export interface OpenSegmentOptions {
  readonly runtime: OnnxRuntime;
  readonly config: DecoderConfig;
  /** Layers of the segment. */
  readonly range: LayerRange;
  readonly graphPath: string;
  /** What that graph was written for. */
  readonly form: GraphForm;
  readonly threads?: number | undefined;
}

/** A run that goes through all segments of a shard alike: of one sequence, or of single positions of several. */
export interface SegmentRun extends PlannedRun {
  /** Rows behind those of the sequences that see nothing and whose results nobody takes. */
  readonly emptyRows: number;
  /** Rows whose logits the last segment gives, at least 1. */
  readonly logitRows: number;
}

/** What a run gave. */
export interface SegmentOutput {
  /** `[rows of the run, hidden]`, or of a model's last layer `[logit rows, vocabulary]`. */
  readonly output: Float32Array;
  /** Of all rows of the run, or of a prompt in one row. */
  readonly newKeyValues: CacheNumbers;
}

/** Neighbouring layers of a shard on one device, with the keys and values of all sequences there. */
export class ShardSegment {
  readonly range: LayerRange;
  readonly device: Device;
  readonly steadyRows: SteadyRows;
  readonly takesTokens: boolean;
  readonly givesLogits: boolean;
  readonly #runtime: OnnxRuntime;
  readonly #session: OnnxSession;
  readonly #layout: PageArrays;
  readonly #store: PageStore;
  readonly #pool: KeyValuePool;
  readonly #inputs: PassInputs;
  readonly #form: GraphForm;
  readonly #hidden: number;

  private constructor(
    options: OpenSegmentOptions,
    device: Device,
    session: OnnxSession,
    layout: PageArrays,
    store: PageStore,
    steadyRows: SteadyRows,
  ) {
    const { runtime, config, range, form } = options;
    this.range = range;
    this.device = device;
    this.steadyRows = steadyRows;
    this.takesTokens = holdsFirstLayer(range);
    this.givesLogits = holdsLastLayer(config, range);
    this.#runtime = runtime;
    this.#session = session;
    this.#form = form;
    this.#hidden = config.shape.hidden_size;
    this.#layout = layout;
    this.#store = store;
    this.#pool = new KeyValuePool(layout, store);
    this.#inputs = new (form.isOnCard ? CardInputs : MainMemoryInputs)(runtime, config, range);
  }

  /**
   * @param steadyRows - as measured on the device in this precision
   * @throws when the device cannot hold the graph; whether it runs it, `verify` says
   */
  static async open(options: OpenSegmentOptions, device: Device, steadyRows: SteadyRows): Promise<ShardSegment> {
    const { runtime, config, range, form, graphPath, threads } = options;
    const session = await runtime.createSession(graphPath, sessionOptions(device, threads));
    try {
      const layout = pageArraysOf(config, range, form.cacheType);
      const store = form.isOnCard
        ? await CardPages.open(runtime, layout, device)
        : new MainMemoryPages(runtime, layout);
      return new ShardSegment(options, device, session, layout, store, steadyRows);
    } catch (thrown) {
      await session.release();
      throw thrown;
    }
  }

  /**
   * One position through an empty cache: shows that the device really runs the graph, and warms it up.
   *
   * @throws when it does not
   */
  async verify(): Promise<void> {
    const cache = this.createCache();
    cache.reserve(1);
    const rows = this.steadyRows ?? 1;
    const input = this.takesTokens
      ? this.#runtime.createTensor('int64', new BigInt64Array(rows), [1, rows])
      : this.activation(new Float32Array(rows * this.#hidden).fill(0.01));
    const run = { mode: 'single', count: 1, emptyRows: rows - 1, logitRows: rows } as const;
    const result = await this.run([cache], run, input);
    cache.dispose();
    if (!result.ok) throw new Error(result.error.message);
  }

  /** Memory of the keys and values of all sequences, with pages of those that are gone. */
  get heldCacheBytes(): number {
    return this.#pool.heldBytes;
  }

  createCache(): KeyValueCache {
    return this.#pool.createCache();
  }

  /** `[rows, hidden]` as the input of a run. */
  activation(rows: Float32Array): OnnxTensor {
    return this.#runtime.createTensor('float32', rows, [1, rows.length / this.#hidden, this.#hidden]);
  }

  /**
   * Runs the graph once. The caches have room for the new positions and are left as they are.
   *
   * @param caches - of one sequence, or of several that each go on with a single position
   * @param input - int64 ids `[1, rows]` where the segment takes tokens, otherwise float32 `[1, rows, hidden]`
   */
  async run(
    caches: readonly KeyValueCache[],
    run: SegmentRun,
    input: OnnxTensor,
  ): Promise<Result<SegmentOutput, EngineErrorCode>> {
    const { pass, range } = this.#describe(caches, run);
    const inputs = {
      ...this.#inputs.build(pass, range),
      [this.takesTokens ? SHARD_VALUES.tokenIds : SHARD_VALUES.activationIn]: input,
    };
    if (this.givesLogits) {
      const start = BigInt64Array.of(BigInt(-run.logitRows));
      inputs[SHARD_VALUES.logitStart] = this.#runtime.createTensor('int64', start, [1]);
    }
    let outputs;
    try {
      outputs = await this.#pool.use(range, (pages) =>
        this.#session.run({ ...inputs, ...pages.inputs }, pages.results),
      );
    } catch (thrown) {
      const message = `The execution provider failed (${deviceName(this.device)}): ${reasonOf(thrown)}`;
      return engineFailure('run-failed', message, { retryable: true });
    }
    const output = floatsOf(outputs, this.givesLogits ? SHARD_VALUES.logits : SHARD_VALUES.activationOut);
    if (!allFinite(output)) {
      this.#pool.discard(range);
      return engineFailure('output-invalid', 'The result holds numbers that are not finite; it was discarded.', {
        suggestion: 'The weights or the input may be damaged.',
      });
    }
    const read = this.#form.cacheType === 'float32' ? floatsOf : halvesOf;
    const newKeyValues = read(outputs, SHARD_VALUES.newKeyValues);
    const isInRows = this.#form.isOnCard && run.mode === 'prompt';
    return success({ output, newKeyValues: isInRows ? this.#byHead(newKeyValues, run.count) : newKeyValues });
  }

  async release(): Promise<void> {
    await this.#store.release();
    await this.#session.release();
  }

  /** Keys and values that came as rows `[key/value heads, head size]`, as those of a prompt come: positions of a head in a row. */
  #byHead(rows: CacheNumbers, positions: number): CacheNumbers {
    const { heads, headSize } = this.#layout;
    const ordered = rows.slice();
    const block = positions * heads * headSize;
    for (let start = 0; start < rows.length; start += block) {
      for (let index = 0; index < positions * heads; index++) {
        const from = start + index * headSize;
        const to = start + ((index % heads) * positions + Math.floor(index / heads)) * headSize;
        ordered.set(rows.subarray(from, from + headSize), to);
      }
    }
    return ordered;
  }

  #describe(caches: readonly KeyValueCache[], run: SegmentRun): { pass: Pass; range: PageRange } {
    const [cache] = caches;
    if (cache === undefined) throw new Error('a run needs a sequence');
    const { mode, count, emptyRows } = run;
    if (caches.length + emptyRows > 1) {
      return { pass: { mode: 'batch', caches, emptyRows }, range: this.#pool.gather(caches) };
    }
    const { start } = cache.pages;
    const used = Math.ceil((cache.length + count) / PAGE_POSITIONS);
    return { pass: { mode, cache, positions: count }, range: { start, end: start + used } };
  }
}
