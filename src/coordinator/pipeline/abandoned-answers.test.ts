import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { success } from '../../protocol/result';
import type { GenerateOutcome } from '../../protocol/wire/messages';
import type { CoordinatorResult } from '../errors';
import { silentLogger } from '../logger';
import { AnswerDesk } from './answer-desk';
import type { AnswerReader } from './answer-record';
import type { GenerateListener, GenerateRequest } from './generate-service';

const GRACE_MS = 60_000;

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const request: GenerateRequest = {
  nodeId: 'n',
  requestId: 'r',
  modelId: 'm',
  prompt: 'hello',
  maxNewTokens: 5,
  sampling: { temperature: 0, top_k: 0, top_p: 1 },
  precision: 'fp32',
};

/** Runs one request until the test ends it. */
class HeldGeneration {
  listener: GenerateListener | null = null;
  isStopped = false;
  private settle: (result: CoordinatorResult<GenerateOutcome>) => void = () => undefined;

  generate(
    _request: GenerateRequest,
    listener: GenerateListener,
    signal: AbortSignal,
  ): Promise<CoordinatorResult<GenerateOutcome>> {
    this.listener = listener;
    signal.addEventListener('abort', () => {
      this.isStopped = true;
    });
    return new Promise((resolve) => {
      this.settle = resolve;
    });
  }
  cancel(): boolean {
    return false;
  }
  finish(outcome: Partial<GenerateOutcome>): void {
    this.settle(success(outcome as GenerateOutcome));
  }
}

/** A reader whose connection takes tokens in only where `takes` says so. */
function readerOf(takes: (index: number) => Promise<void>): { reader: AnswerReader; gone: AbortController } {
  const gone = new AbortController();
  const listener: GenerateListener = {
    started: () => Promise.resolve(),
    token: (index) => takes(index),
    queued: () => undefined,
    waiting: () => undefined,
  };
  return { reader: { listener, signal: gone.signal, from: 0 }, gone };
}

it('goes on with a request that somebody came back for, in whatever order its earlier readers were lost', async () => {
  const generation = new HeldGeneration();
  const desk = new AnswerDesk(generation, GRACE_MS, silentLogger);
  let letGo: () => void = () => undefined;
  const stuck = new Promise<void>((resolve) => {
    letGo = resolve;
  });
  const first = readerOf(() => stuck);
  const second = readerOf(() => Promise.resolve());
  const third = readerOf(() => Promise.resolve());

  const ends = [desk.answer(request, first.reader, false)];
  await generation.listener?.token(0, 1, 'A');
  await vi.advanceTimersByTimeAsync(0);
  // The first connection hangs, the requester comes back over a second one, and loses that before the first is over.
  ends.push(desk.answer(request, second.reader, true));
  await vi.advanceTimersByTimeAsync(0);
  second.gone.abort();
  await vi.advanceTimersByTimeAsync(0);
  first.gone.abort();
  letGo();
  await vi.advanceTimersByTimeAsync(0);
  expect(await Promise.all(ends)).toEqual([null, null]);

  const taken = desk.answer(request, third.reader, true);
  await vi.advanceTimersByTimeAsync(2 * GRACE_MS);
  expect(generation.isStopped).toBe(false);
  generation.finish({ text: 'A' });
  expect(await taken).toMatchObject({ ok: true, value: { text: 'A' } });
  desk.stop();
});
