import { describe, expect, it } from 'vitest';
import { success } from '../../protocol/result';
import { codeOf, expectValue } from '../testdata/tore-tiny';
import { engineFailure } from '../errors';
import { PassQueue, type PassQueueOptions, type PassRunner } from './pass-queue';
import type { SequencePass, SequenceRun } from './sequence-pass';

/** A pass of named runs, that needs no session. */
class FakePass {
  undone = false;
  readonly output = Float32Array.of(1);
  readonly #runs: string[];
  constructor(
    readonly name: string,
    runs: readonly string[],
  ) {
    this.#runs = [...runs];
  }
  get next(): SequenceRun | undefined {
    const [mode] = this.#runs;
    return mode === undefined
      ? undefined
      : { mode: mode as SequenceRun['mode'], count: 1, logitRows: 1, input: { kind: 'tokens', ids: [1] } };
  }
  take(): void {
    this.#runs.shift();
  }
  undo(): void {
    this.undone = true;
  }
}

interface SetUpOptions extends PassQueueOptions {
  readonly fail?: boolean;
  /** Whether the first run throws. */
  readonly breaks?: boolean;
}

function setUp({ fail = false, breaks = false, now = () => 0, resultsLeft }: SetUpOptions = {}) {
  const runs: string[] = [];
  const runner: PassRunner = {
    async advance(passes) {
      const taken = passes as unknown as FakePass[];
      runs.push(taken.map((pass) => `${pass.name}:${pass.next?.mode ?? ''}`).join('+'));
      await Promise.resolve();
      if (breaks && runs.length === 1) throw new RangeError('Array buffer allocation failed');
      if (fail) return engineFailure('run-failed', 'device lost');
      for (const pass of taken) pass.take();
      return success(undefined);
    },
  };
  const queue = new PassQueue(runner, { now, resultsLeft });
  const submit = (pass: FakePass, isCancelled = () => false) =>
    queue.submit(pass as unknown as SequencePass, isCancelled);
  return { queue, runs, submit };
}

describe('PassQueue', () => {
  it('runs steps that wait together at once, in the order they came', async () => {
    const { runs, submit, queue } = setUp();
    await Promise.all(['a', 'b', 'c'].map((name) => submit(new FakePass(name, ['single']))));
    expect(runs).toEqual(['a:single+b:single+c:single']);
    expect(queue.runs).toBe(1);
    expect(queue.waitingPasses).toBe(0);
  });

  it('lets prompts and steps take turns, and prompts with each other', async () => {
    const { runs, submit } = setUp();
    const prompts = ['p', 'q'].map((name) => submit(new FakePass(name, ['prompt', 'prompt'])));
    const steps = async (): Promise<void> => {
      for (let step = 0; step < 3; step++) expectValue(await submit(new FakePass('s', ['single'])));
    };
    await Promise.all([...prompts, steps()]);
    expect(runs).toEqual(['s:single', 'p:prompt', 's:single', 'q:prompt', 's:single', 'p:prompt', 'q:prompt']);
  });

  it('runs no more steps at once than a batch has', async () => {
    const { runs, submit } = setUp();
    await Promise.all(Array.from({ length: 20 }, (_, index) => submit(new FakePass(`${index}`, ['single']))));
    expect(runs.map((run) => run.split('+').length)).toEqual([16, 4]);
  });

  it('lets results leave before it runs again', async () => {
    let leave = (): void => undefined;
    let left: Promise<void> | undefined;
    const { runs, submit } = setUp({ resultsLeft: () => left });
    expectValue(await submit(new FakePass('a', ['single'])));
    left = new Promise((resolve) => {
      leave = resolve;
    });
    const next = submit(new FakePass('b', ['single']));
    await new Promise((resolve) => setImmediate(resolve));
    await new Promise((resolve) => setImmediate(resolve));
    expect(runs).toEqual(['a:single']);
    leave();
    expectValue(await next);
    expect(runs).toEqual(['a:single', 'b:single']);
  });

  it('drops a cancelled pass before its next run and undoes it', async () => {
    const { runs, submit } = setUp();
    const pass = new FakePass('p', ['prompt', 'prompt', 'prompt']);
    const result = await submit(pass, () => runs.length >= 1);
    expect(codeOf(result)).toBe('cancelled');
    expect(runs).toHaveLength(1);
    const waiting = new FakePass('w', ['single']);
    expect(codeOf(await submit(waiting, () => true))).toBe('cancelled');
    expect(waiting.undone).toBe(true);
    expect(runs).toHaveLength(1);
  });

  it('does not run a step that is cancelled while others are waited for', async () => {
    // Each run takes so long that the queue would wait for the other sequence of the batch for minutes.
    let time = 0;
    const { runs, submit } = setUp({ now: () => (time += 1e6) });
    await Promise.all(['a', 'b'].map((name) => submit(new FakePass(name, ['single']))));
    let isGone = false;
    const pass = new FakePass('gone', ['single']);
    const gone = submit(pass, () => isGone);
    for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
    isGone = true;
    expectValue(await submit(new FakePass('c', ['single'])));
    expect(codeOf(await gone)).toBe('cancelled');
    expect(pass.undone).toBe(true);
    expect(runs).toEqual(['a:single+b:single', 'c:single']);
  });

  it('undoes the passes of a run that throws, and goes on', async () => {
    const { submit } = setUp({ breaks: true });
    const passes = ['a', 'b'].map((name) => new FakePass(name, ['single']));
    const results = await Promise.all(passes.map((pass) => submit(pass)));
    expect(results).toMatchObject([1, 2].map(() => ({ error: { code: 'run-failed', retryable: true } })));
    expect(passes.map(({ undone }) => undone)).toEqual([true, true]);
    expectValue(await submit(new FakePass('c', ['single'])));
  });

  it('tells all passes of a run that it failed, and goes on', async () => {
    const { submit } = setUp({ fail: true });
    const results = await Promise.all(['a', 'b'].map((name) => submit(new FakePass(name, ['single']))));
    expect(results.map(codeOf)).toEqual(['run-failed', 'run-failed']);
    expect(codeOf(await submit(new FakePass('c', ['single'])))).toBe('run-failed');
  });
});
