import type { LayerRange } from '../../protocol/compute/model';
import { success, type Result } from '../../protocol/result';
import { allFinite } from '../../protocol/wire/activation-coding';
import { engineFailure, reasonOf, type EngineErrorCode } from '../errors';
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
import { deviceName, type Device } from '../device';
import { KeyValuePool, type CacheNumbers, type KeyValueCache, type PageRange } from './key-value-pool';
import {
  floatsOf,
  halvesOf,
  sessionOptions,
  type OnnxRuntime,
  type OnnxSession,
  type OnnxTensor,
} from './onnx-runtime';
import { PassInputs, type Pass, type PlannedRun } from './pass-inputs';
import type { SteadyRows } from './steady-rows';

export interface OpenSegmentOptions {
  readonly runtime: OnnxRuntime;
  readonly config: DecoderConfig;
  /** Layers of the segment. */
  readonly range: LayerRange;
  readonly precision: ShardPrecision;
  readonly graphPath: string;
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
  readonly #pool: KeyValuePool;
  readonly #inputs: PassInputs;
  readonly #cacheType: CacheType;
  readonly #hidden: number;

  private constructor(options: OpenSegmentOptions, device: Device, session: OnnxSession, steadyRows: SteadyRows) {
    const { runtime, config, range, precision } = options;
    this.range = range;
    this.device = device;
    this.steadyRows = steadyRows;
    this.takesTokens = holdsFirstLayer(range);
    this.givesLogits = holdsLastLayer(config, range);
    this.#runtime = runtime;
    this.#session = session;
    this.#cacheType = cacheTypeOf(precision);
    this.#hidden = config.shape.hidden_size;
    this.#pool = new KeyValuePool(runtime, config, range, precision);
    this.#inputs = new PassInputs(runtime, config, range);
  }

  /**
   * @param steadyRows - as measured on the device in this precision
   * @throws when the device cannot hold the graph; whether it runs it, `verify` says
   */
  static async open(options: OpenSegmentOptions, device: Device, steadyRows: SteadyRows): Promise<ShardSegment> {
    const session = await options.runtime.createSession(options.graphPath, sessionOptions(device, options.threads));
    return new ShardSegment(options, device, session, steadyRows);
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
      ...this.#pool.inputs(range),
      ...this.#inputs.build(pass, range),
      [this.takesTokens ? SHARD_VALUES.tokenIds : SHARD_VALUES.activationIn]: input,
    };
    if (this.givesLogits) {
      const start = BigInt64Array.of(BigInt(-run.logitRows));
      inputs[SHARD_VALUES.logitStart] = this.#runtime.createTensor('int64', start, [1]);
    }
    let outputs;
    try {
      outputs = await this.#session.run(inputs);
    } catch (thrown) {
      const message = `The execution provider failed (${deviceName(this.device)}): ${reasonOf(thrown)}`;
      return engineFailure('run-failed', message, { retryable: true });
    }
    const output = floatsOf(outputs, this.givesLogits ? SHARD_VALUES.logits : SHARD_VALUES.activationOut);
    if (!allFinite(output)) {
      return engineFailure('output-invalid', 'The result holds numbers that are not finite; it was discarded.', {
        suggestion: 'The weights or the input may be damaged.',
      });
    }
    const read = this.#cacheType === 'float32' ? floatsOf : halvesOf;
    return success({ output, newKeyValues: read(outputs, SHARD_VALUES.newKeyValues) });
  }

  release(): Promise<void> {
    return this.#session.release();
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
