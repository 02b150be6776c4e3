import { planRuns, type PlannedRun } from './pass-inputs';
import type { SegmentedCache } from './segmented-cache';
import type { DecoderConfig } from '../models/config';

/** Checked input of a pass: token ids inside the vocabulary, or finite activations `[positions, hidden]`. */
export type ShardInput =
  | { readonly kind: 'tokens'; readonly ids: readonly number[] }
  | { readonly kind: 'activation'; readonly activation: Float32Array; readonly positions: number };

export function countPositions(input: ShardInput): number {
  return input.kind === 'tokens' ? input.ids.length : input.positions;
}

/** One run of the graph for one sequence. */
export interface SequenceRun extends PlannedRun {
  readonly input: ShardInput;
  /** Of a last shard: rows of logits to compute; 0 where none is wanted. */
  readonly logitRows: number;
}

/**
 * New positions of one sequence on their way through a shard, run by run: who calls decides what happens between them.
 * Until it is done, `undo` takes the cache back to where it was.
 */
export class SequencePass {
  readonly cache: SegmentedCache;
  /** Whether a step of it has the same bits alone as together with others. */
  readonly isRepeatable: boolean;
  readonly #input: ShardInput;
  readonly #positions: number;
  readonly #hidden: number;
  readonly #before: number;
  /** Rows of the result: all positions, or on a last shard the wanted logits. */
  readonly #rows: number;
  readonly #runs: Iterator<PlannedRun>;
  #done = 0;
  #next: SequenceRun | undefined;
  #output: Float32Array | undefined;

  /** @param logitRows - on a last shard the number of last positions whose logits are wanted; undefined elsewhere */
  constructor(
    cache: SegmentedCache,
    input: ShardInput,
    config: DecoderConfig,
    logitRows: number | undefined,
    isRepeatable: boolean,
  ) {
    this.cache = cache;
    this.isRepeatable = isRepeatable;
    this.#input = input;
    this.#positions = countPositions(input);
    this.#hidden = config.shape.hidden_size;
    this.#before = cache.length;
    this.#rows = logitRows ?? this.#positions;
    this.#runs = planRuns(cache.length, this.#positions, config);
    this.#plan();
  }

  /** The next run, or undefined when the result is whole. */
  get next(): SequenceRun | undefined {
    return this.#next;
  }

  /** `[rows, width]`, when there is no next run. */
  get output(): Float32Array {
    return this.#output ?? new Float32Array();
  }

  /**
   * Takes what the next run gave.
   *
   * @param rows - `[positions of the run, width]`, or on a last shard `[at least its logit rows, width]`, of which the last count
   */
  accept(rows: Float32Array, width: number): void {
    const run = this.#next;
    if (run === undefined) throw new Error('nothing is left to run');
    this.#done += run.count;
    const wanted = rows.subarray(rows.length - run.logitRows * width);
    if (run.logitRows === this.#rows && this.#output === undefined) this.#output = wanted;
    else if (run.logitRows > 0) {
      this.#output ??= new Float32Array(this.#rows * width);
      const end = this.#done - (this.#positions - this.#rows);
      this.#output.set(wanted, (end - run.logitRows) * width);
    }
    this.#plan();
  }

  /** Takes back what was added to the cache. */
  undo(): void {
    if (this.cache.length > this.#before) this.cache.rewind(this.#before);
  }

  #plan(): void {
    const planned = this.#runs.next();
    if (planned.done === true) {
      this.#next = undefined;
      return;
    }
    const { mode, count } = planned.value;
    const end = this.#done + count;
    const logitRows = Math.min(count, Math.max(0, end - (this.#positions - this.#rows)));
    this.#next = { mode, count, logitRows, input: this.#part(this.#done, count) };
  }

  #part(start: number, count: number): ShardInput {
    if (this.#input.kind === 'tokens') return { kind: 'tokens', ids: this.#input.ids.slice(start, start + count) };
    const activation = this.#input.activation.subarray(start * this.#hidden, (start + count) * this.#hidden);
    return { kind: 'activation', activation, positions: count };
  }
}
