import { setImmediate as nextTurn } from 'node:timers/promises';
import { success, type Result } from '../../protocol/result';
import { cancelledFailure, engineFailure, reasonOf, type EngineErrorCode } from '../errors';
import type { SequencePass } from './sequence-pass';

/** Sequences that take a step in one run; more gain little, and each waits for all. */
const MAX_BATCH = 16;
/** The part of a step's time that is waited for sequences that took part in the step before and will ask again. */
const LINGER_SHARE = 0.2;

/** What the queue asks of a session. */
export interface PassRunner {
  advance(
    passes: readonly SequencePass[],
    isCancelled?: (pass: SequencePass) => boolean,
  ): Promise<Result<void, EngineErrorCode>>;
}

/** A pass that went through, and the time its runs took; of a run of several passes its share. */
export interface FinishedPass {
  readonly output: Float32Array;
  readonly computeMs: number;
}

export interface PassQueueOptions {
  /** Milliseconds, from any start. */
  readonly now?: () => number;
  /**
   * Asked before each run: resolves when the results of earlier ones have left the process. A run blocks it, and a result
   * that is half sent would wait for its end. Nothing where they have.
   */
  readonly resultsLeft?: (() => Promise<void> | undefined) | undefined;
}

interface Waiting {
  readonly pass: SequencePass;
  readonly isCancelled: () => boolean;
  readonly settle: (result: Result<FinishedPass, EngineErrorCode>) => void;
  computeMs: number;
}

/**
 * Shares one session among its sequences. Steps of answers that wait at the same time go through the weights together;
 * runs of prompts take turns with them and with each other, so that nobody waits longer than one run of each kind:
 *
 * ```
 * steps   ─┐                                      ┌─► batch of all waiting steps ─┐
 *          ├─► whose turn is it? (alternating) ───┤                               ├─► next run
 * prompts ─┘                                      └─► one chunk of one prompt ────┘
 * ```
 *
 * Rows of a run do not touch each other's bits, so what else waits changes when an answer comes and not what it says.
 */
export class PassQueue {
  readonly #runner: PassRunner;
  readonly #now: () => number;
  readonly #resultsLeft: () => Promise<void> | undefined;
  #waiting: Waiting[] = [];
  #isRunning = false;
  #wasStep = false;
  #runs = 0;
  /** Sequences in the last batch and how long it took: about as many will ask for their next step soon. */
  #lastBatch = { size: 0, ms: 0 };
  #wake: () => void = () => undefined;

  constructor(
    runner: PassRunner,
    { now = () => performance.now(), resultsLeft = () => undefined }: PassQueueOptions = {},
  ) {
    this.#runner = runner;
    this.#now = now;
    this.#resultsLeft = resultsLeft;
  }

  get waitingPasses(): number {
    return this.#waiting.length;
  }

  /** Runs of the graph since the queue was made. */
  get runs(): number {
    return this.#runs;
  }

  /** Runs a pass when its turn comes. @param isCancelled - asked before and after each of its runs */
  submit(pass: SequencePass, isCancelled: () => boolean): Promise<Result<FinishedPass, EngineErrorCode>> {
    return new Promise((resolve) => {
      this.#waiting.push({ pass, isCancelled, settle: resolve, computeMs: 0 });
      this.#wake();
      if (!this.#isRunning) void this.#work();
    });
  }

  async #work(): Promise<void> {
    this.#isRunning = true;
    // A step that comes alone, as the one before it did, finds nobody to wait for.
    let isAlone = this.#lastBatch.size === 1;
    while (this.#waiting.length > 0) {
      // Callers whose results just came, and cancels, get their turn first.
      if (!isAlone) await nextTurn();
      isAlone = false;
      await this.#resultsLeft();
      await this.#linger();
      this.#dropCancelled();
      const chosen = this.#choose();
      if (chosen.length > 0) await this.#run(chosen);
    }
    this.#isRunning = false;
  }

  async #run(chosen: readonly Waiting[]): Promise<void> {
    this.#waiting = this.#waiting.filter((waiting) => !chosen.includes(waiting));
    const entryOf = new Map(chosen.map((waiting) => [waiting.pass, waiting]));
    const isStep = chosen[0]?.pass.next?.mode === 'single';
    const start = this.#now();
    const result = await this.#advance(
      chosen.map(({ pass }) => pass),
      (pass) => entryOf.get(pass)?.isCancelled() === true,
    );
    const ms = this.#now() - start;
    this.#runs++;
    this.#wasStep = isStep;
    if (isStep) this.#lastBatch = { size: chosen.length, ms };
    for (const waiting of chosen) {
      waiting.computeMs += ms / chosen.length;
      if (waiting.isCancelled()) waiting.settle(cancelledFailure('The pass'));
      else if (!result.ok) waiting.settle(result);
      else if (waiting.pass.next === undefined) {
        waiting.settle(success({ output: waiting.pass.output, computeMs: waiting.computeMs }));
      } else this.#waiting.push(waiting);
    }
  }

  /** What the runner throws, such as for want of memory, ends these passes and not the queue. */
  async #advance(
    passes: readonly SequencePass[],
    isCancelled: (pass: SequencePass) => boolean,
  ): Promise<Result<void, EngineErrorCode>> {
    try {
      return await this.#runner.advance(passes, isCancelled);
    } catch (thrown) {
      for (const pass of passes) pass.undo();
      return engineFailure('run-failed', `The run failed: ${reasonOf(thrown)}`, { retryable: true });
    }
  }

  /** All steps that wait, or the longest waiting run of another kind; in turns where both wait. */
  #choose(): readonly Waiting[] {
    const steps = this.#waiting.filter(({ pass }) => pass.next?.mode === 'single');
    const other = this.#waiting.find(({ pass }) => pass.next?.mode !== 'single');
    if (other !== undefined && (steps.length === 0 || this.#wasStep)) return [other];
    return steps.slice(0, MAX_BATCH);
  }

  #dropCancelled(): void {
    const cancelled = this.#waiting.filter((waiting) => waiting.isCancelled());
    this.#waiting = this.#waiting.filter((waiting) => !cancelled.includes(waiting));
    for (const { pass, settle } of cancelled) {
      pass.undo();
      settle(cancelledFailure('The pass'));
    }
  }

  /** Waits a little for sequences of the last batch that did not ask again yet: together they go faster. */
  async #linger(): Promise<void> {
    const isOnlySteps = this.#waiting.every(({ pass }) => pass.next?.mode === 'single');
    const expected = Math.min(MAX_BATCH, this.#lastBatch.size);
    if (!isOnlySteps || this.#waiting.length === 0 || this.#waiting.length >= expected) return;
    const wait = this.#lastBatch.ms * LINGER_SHARE;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, wait);
      this.#wake = () => {
        if (this.#waiting.length < expected) return;
        clearTimeout(timer);
        resolve();
      };
    });
    this.#wake = () => undefined;
  }
}
