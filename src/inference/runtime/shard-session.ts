import type { LayerRange } from '../../protocol/compute/model';
import { success, type Result } from '../../protocol/result';
import { cancelledFailure, type EngineErrorCode } from '../errors';
import type { DecoderConfig } from '../models/config';
import { plainGraphForm } from '../shards/graph-form';
import type { ShardPrecision } from '../shards/weight-layout';
import { deviceName } from '../device';
import type { OnnxRuntime, OnnxTensor } from './onnx-runtime';
import type { CacheNumbers } from './page-store';
import { selectProvider } from './provider-selection';
import { SegmentedCache } from './segmented-cache';
import { SequencePass, type ShardInput } from './sequence-pass';
import { ShardSegment, type OpenSegmentOptions, type SegmentRun } from './shard-segment';
import { measureSteadyRows } from './steady-rows';

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

export interface OpenShardOptions extends Omit<OpenSegmentOptions, 'form'> {
  readonly precision: ShardPrecision;
  /** Preferred execution providers, best first. */
  readonly providers: readonly string[];
}

/** What one run through all segments gave. */
interface ShardRun {
  /** `[rows, width]`, or on a last shard `[at least the wanted rows of logits, width]`. */
  readonly output: Float32Array;
  /** Of each segment: of all rows of the run, or of a prompt in one row. */
  readonly newKeyValues: readonly CacheNumbers[];
  readonly width: number;
  readonly rows: number;
}

/**
 * An opened shard: runs new positions of any sequence whose cache it is given. Its layers lie in one segment or in several,
 * each on its own device; a run goes through them in order, and what one gives the next takes as it is.
 */
export class ShardSession {
  readonly config: DecoderConfig;
  readonly range: LayerRange;
  readonly segments: readonly ShardSegment[];
  /** Whether a position has the same bits whatever else is in its run. */
  readonly isSteady: boolean;
  readonly #runtime: OnnxRuntime;
  /** Rows the products of every segment need at least, so that what comes together has the bits of what comes alone. */
  readonly #leastRows: number;

  /** @param segments - verified, of one precision; each begins with the layer behind the one before */
  constructor(runtime: OnnxRuntime, config: DecoderConfig, segments: readonly ShardSegment[]) {
    const [first] = segments;
    if (first === undefined) throw new Error('a shard has a segment');
    this.config = config;
    this.range = { layer_start: first.range.layer_start, layer_end: (segments.at(-1) ?? first).range.layer_end };
    this.segments = segments;
    this.isSteady = segments.every(({ steadyRows }) => steadyRows !== undefined);
    this.#runtime = runtime;
    this.#leastRows = Math.max(...segments.map(({ steadyRows }) => steadyRows ?? 1));
  }

  /** Opens a graph whole on the first preferred provider that runs one position of it. */
  static async open(
    options: OpenShardOptions,
  ): Promise<Result<{ shard: ShardSession; provider: string; reasons: readonly string[] }, EngineErrorCode>> {
    const selected = await selectProvider({
      preferences: options.providers,
      listSupportedBackends: () => options.runtime.listSupportedBackends(),
      create: async (provider) => {
        const { runtime, precision, threads } = options;
        return ShardSegment.open(
          { ...options, form: plainGraphForm(precision) },
          { provider },
          await measureSteadyRows(runtime, precision, { provider }, threads),
        );
      },
      verify: (segment) => segment.verify(),
      release: (segment) => segment.release(),
    });
    if (!selected.ok) return selected;
    const { session: segment, provider, reasons } = selected.value;
    const shard = new ShardSession(options.runtime, options.config, [segment]);
    return success({ shard, provider, reasons: [...reasons, ...shard.explainUnsteady()] });
  }

  /** Of the devices that give a position other bits in company than alone, one sentence each. */
  explainUnsteady(): string[] {
    return this.segments
      .filter(({ steadyRows }) => steadyRows === undefined)
      .map(({ device }) => `${deviceName(device)} gives answers that are served together other last bits than alone.`);
  }

  get takesTokens(): boolean {
    return this.segments[0]?.takesTokens === true;
  }

  get givesLogits(): boolean {
    return this.segments.at(-1)?.givesLogits === true;
  }

  /** Memory of the keys and values of all sequences, with pages of those that are gone. */
  get heldCacheBytes(): number {
    return this.segments.reduce((sum, segment) => sum + segment.heldCacheBytes, 0);
  }

  createCache(): SegmentedCache {
    return new SegmentedCache(this.segments.map((segment) => segment.createCache()));
  }

  /** Begins a pass of new positions behind those in the cache; `advance` runs it. */
  begin(
    cache: SegmentedCache,
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
    cache: SegmentedCache,
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
    const result = await this.#runSegments(passes, isCancelled);
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

  async release(): Promise<void> {
    for (const segment of this.segments) await segment.release();
  }

  /** Takes nothing into the caches: that happens when all segments are through. */
  async #runSegments(
    passes: readonly SequencePass[],
    isCancelled: (pass: SequencePass) => boolean,
  ): Promise<Result<ShardRun, EngineErrorCode>> {
    for (const { cache, next } of passes) cache.reserve(cache.length + (next?.count ?? 0));
    const run = this.#describe(passes);
    const rows = (run.mode === 'single' ? passes.length : run.count) + run.emptyRows;
    const newKeyValues: CacheNumbers[] = [];
    let output: Float32Array = new Float32Array();
    for (const [index, segment] of this.segments.entries()) {
      // A sequence that was closed meanwhile has no cache any more; among others it is a row that sees nothing.
      if (index > 0 && passes.every(isCancelled)) return cancelledFailure('The pass');
      const caches = passes.flatMap(({ cache }) => cache.parts[index] ?? []);
      const input = index === 0 ? this.#newPositions(passes, run.emptyRows) : segment.activation(output);
      const result = await segment.run(caches, run, input);
      if (!result.ok) return result;
      output = result.value.output;
      newKeyValues.push(result.value.newKeyValues);
    }
    const width = this.givesLogits ? this.config.shape.vocabulary_size : this.config.shape.hidden_size;
    return success({ output, newKeyValues, width, rows });
  }

  #describe(passes: readonly SequencePass[]): SegmentRun {
    const next = passes[0]?.next;
    if (next === undefined) throw new Error('a run needs a pass that is not done');
    const { mode, count } = next;
    if (mode === 'single') {
      const mustRepeat = passes.some(({ isRepeatable }) => isRepeatable);
      const emptyRows = mustRepeat ? Math.max(0, this.#leastRows - passes.length) : 0;
      return { mode, count, emptyRows, logitRows: passes.length + emptyRows };
    }
    return { mode, count, emptyRows: 0, logitRows: Math.min(count, Math.max(this.#leastRows, next.logitRows)) };
  }

  #newPositions(passes: readonly SequencePass[], emptyRows: number): OnnxTensor {
    const inputs = passes.flatMap(({ next }) => (next === undefined ? [] : [next.input]));
    if (this.takesTokens) {
      const ids = inputs.flatMap((input) => (input.kind === 'tokens' ? input.ids : []));
      for (let row = 0; row < emptyRows; row++) ids.push(ids[0] ?? 0);
      const data = BigInt64Array.from(ids, BigInt);
      return this.#runtime.createTensor('int64', data, [1, data.length]);
    }
    const hidden = this.config.shape.hidden_size;
    const parts = inputs.map((input) => (input.kind === 'activation' ? input.activation : new Float32Array()));
    // Any finite numbers do for an empty row; those of the first are at hand.
    const rows = joinFloats([...parts, ...Array.from({ length: emptyRows }, () => parts[0] ?? new Float32Array())]);
    return this.#runtime.createTensor('float32', rows, [1, rows.length / hidden, hidden]);
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
