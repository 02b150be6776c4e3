import { describe, expect, it } from 'vitest';
import type { FollowedSession, SessionClient } from '../../../node';
import { failure, success } from '../../../protocol/result';
import type { StreamPiece } from '../../../protocol/wire/session-messages';
import { ManualTimers } from '../../test-doubles/manual-timers';
import type { ContributorPort } from '../node-service';
import type { OwnModel, OwnModelsService } from '../own-models/own-models-service';
import { ModelAnswers } from './model-answers';

const model: OwnModel = {
  id: 'network',
  kind: 'network',
  name: 'tiny',
  modelId: 'tiny',
  baseUrl: null,
  contextLength: 2_048,
  maxNewTokens: 64,
};

/** @param isLed - the own coordinator leads to the session, which another hosts */
function scene(generate: ContributorPort['generate'], homeCoordinatorId: string | null = 'c', isLed = false) {
  const pieces: StreamPiece[] = [];
  const posts: unknown[] = [];
  const head = { id: 's', title: 'S', coordinator_id: 'c', cost_unit: 'GFT', cost_rate: 1 };
  const session = {
    id: 's',
    head,
    participants: [],
    participantId: 'p',
    turns: [],
    stream: (piece: StreamPiece) => pieces.push(piece),
  } as unknown as FollowedSession;
  const client = {
    homeCoordinatorId,
    isThroughHome: ({ head: { coordinator_id: host } }: FollowedSession) => isLed || host === homeCoordinatorId,
    post: (_id: string, draft: unknown) => {
      posts.push(draft);
      return Promise.resolve(success({}));
    },
  } as unknown as SessionClient;
  const answers = new ModelAnswers({
    client,
    models: {} as OwnModelsService,
    node: { generate },
    timers: new ManualTimers(),
    onChange: () => undefined,
  });
  return { answers, session, pieces, posts };
}

const outcome = {
  request_id: 'r',
  text: 'An answer.',
  finish_reason: 'stop' as const,
  tokens: 3,
  input_tokens: 9,
  gft_deducted: 0.000341,
  new_balance: 1,
  backend: 'distributed',
  pipeline: [],
  latency_ms: 5,
  model_id: 'tiny',
  ledger_ref: 'l-1',
  confirmed_at: '2026-01-01T00:00:00Z',
};

describe('an answer of one’s own model', () => {
  it('becomes a turn with the cost the ledger confirmed, asked for in the name of the participant', async () => {
    let asked: unknown;
    const { answers, session, posts } = scene((request) => {
      asked = request;
      return Promise.resolve(success(outcome));
    });
    answers.begin(session, model, null);
    await expect.poll(() => posts.length).toBe(1);
    expect(asked).toMatchObject({ session: { sessionId: 's', participantId: 'p' } });
    expect(posts[0]).toMatchObject({
      author: 'model',
      content: [{ type: 'text', text: 'An answer.' }],
      cost: { amount: 0.000341, unit: 'GFT', ledger_ref: 'l-1', coordinator_id: 'c', output_tokens: 3 },
    });
  });

  it('carries no cost that nothing was booked for, or that another ledger booked', async () => {
    const free = scene(() => Promise.resolve(success({ ...outcome, ledger_ref: null, confirmed_at: null })));
    free.answers.begin(free.session, model, null);
    await expect.poll(() => free.posts.length).toBe(1);
    const elsewhere = scene(() => Promise.resolve(success(outcome)), 'another');
    elsewhere.answers.begin(elsewhere.session, model, null);
    await expect.poll(() => elsewhere.posts.length).toBe(1);
    for (const { posts } of [free, elsewhere]) expect(posts[0]).not.toHaveProperty('cost');
  });

  it('carries the cost the own coordinator booked in a session it leads to', async () => {
    let asked: unknown;
    const ask: ContributorPort['generate'] = (request) => {
      asked = request;
      return Promise.resolve(success(outcome));
    };
    const { answers, session, posts } = scene(ask, 'home', true);
    answers.begin(session, model, null);
    await expect.poll(() => posts.length).toBe(1);
    expect(asked).toMatchObject({ session: { sessionId: 's', participantId: 'p' } });
    expect(posts[0]).toMatchObject({ cost: { ledger_ref: 'l-1', coordinator_id: 'home' } });
  });

  it('leaves no turn when the coordinator died before it settled', async () => {
    const { answers, session, pieces, posts } = scene((_request, options) => {
      options?.onToken?.({ index: 0, tokenId: 1, text: 'An ans' });
      return Promise.resolve(failure('connection-lost', 'The connection was lost.', { retryable: true }));
    });
    answers.begin(session, model, null);
    await expect.poll(() => answers.isAnswering('s')).toBe(false);
    expect(answers.errorOf('s')).toMatchObject({ code: 'connection-lost' });
    expect(pieces.at(-1)).toMatchObject({ state: 'failed' });
    expect(posts).toEqual([]);
  });

  it('is one at a time, and can be stopped', async () => {
    const { answers, session, pieces, posts } = scene(
      (_request, options) =>
        new Promise((resolve) => {
          options?.signal?.addEventListener('abort', () =>
            resolve(success({ ...outcome, finish_reason: 'cancelled' })),
          );
        }),
    );
    answers.begin(session, model, null);
    expect(answers.begin(session, model, null)).toMatchObject({ ok: false, error: { code: 'session-model-busy' } });
    answers.stop('s');
    await expect.poll(() => answers.isAnswering('s')).toBe(false);
    expect(pieces.at(-1)).toMatchObject({ state: 'stopped' });
    expect(posts).toEqual([]);
  });
});
