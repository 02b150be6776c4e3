import { randomUUID } from 'node:crypto';
import { expect, it } from 'vitest';
import type { TokenLogProbabilities } from '../../protocol/compute/log-probabilities';
import type { GenerateOutcome } from '../../protocol/wire/messages';
import { systemRandom } from '../clock';
import { silentLogger } from '../logger';
import { AnswerDesk } from '../pipeline/answer-desk';
import type { GenerateListener, GenerateRequest } from '../pipeline/generate-service';
import type { ReplicaMessage } from './replica-message';
import { SharedAnswers } from './shared-answers';

interface Replica {
  readonly desk: AnswerDesk;
  readonly shared: SharedAnswers;
}

/** A replica that reaches the others as over a wire: what it says arrives as JSON. */
function replicaOf(
  name: string,
  others: Map<string, Replica>,
  generate: (to: GenerateListener) => Promise<void>,
): Replica {
  const outcome = { text: 'AB' } as GenerateOutcome;
  const generation = {
    generate: async (_request: GenerateRequest, listener: GenerateListener) => {
      await generate(listener);
      return { ok: true, value: outcome } as const;
    },
    cancel: () => false,
  };
  const desk = new AnswerDesk(generation, 60_000, silentLogger);
  const deliver = async (to: string, message: ReplicaMessage): Promise<boolean> => {
    const copy = JSON.parse(JSON.stringify(message)) as Parameters<SharedAnswers['take']>[1];
    return (await others.get(to)?.shared.take(name, copy)) === true;
  };
  const channel = { ask: deliver, tell: (to: string, message: ReplicaMessage) => void deliver(to, message) };
  const shared = new SharedAnswers(desk, channel, () => [...others.keys()].filter((one) => one !== name), systemRandom);
  desk.askElsewhere(shared);
  const replica = { desk, shared };
  others.set(name, replica);
  return replica;
}

it('an answer taken at another replica keeps the log-probabilities of its tokens', async () => {
  const describe = (id: number): TokenLogProbabilities => ({ id, text: 'x', logprob: -0.5, top: [] });
  let goOn: () => void = () => undefined;
  const gate = new Promise<void>((resolve) => {
    goOn = resolve;
  });
  const replicas = new Map<string, Replica>();
  const writer = replicaOf('left', replicas, async (listener) => {
    await listener.started([], 3);
    await listener.token(0, 65, 'A', describe(65));
    await gate;
    await listener.token(1, 66, 'B', describe(66));
  });
  const other = replicaOf('right', replicas, () => Promise.reject(new Error('the answer is written at the left one')));
  const request: GenerateRequest = {
    nodeId: 'node',
    requestId: randomUUID(),
    modelId: 'model',
    prompt: 'p',
    maxNewTokens: 2,
    sampling: { temperature: 0, top_k: 0, top_p: 1, top_logprobs: 0 },
    precision: 'fp32',
  };
  const taken: unknown[] = [];
  const listener: GenerateListener = {
    started: async () => undefined,
    token: async (...token) => {
      taken.push(token);
      goOn();
    },
    queued: () => undefined,
    waiting: () => undefined,
  };
  const gone = new AbortController();
  const left = { ...listener, token: async () => gone.abort() };
  expect(await writer.desk.answer(request, { listener: left, signal: gone.signal, from: 0 }, false)).toBeNull();
  const reader = { listener, signal: new AbortController().signal, from: 0 };
  expect(await other.desk.answer(request, reader, true)).toMatchObject({ ok: true, value: { text: 'AB' } });
  expect(taken).toEqual([
    [0, 65, 'A', describe(65)],
    [1, 66, 'B', describe(66)],
  ]);
  writer.desk.stop();
  other.desk.stop();
});
