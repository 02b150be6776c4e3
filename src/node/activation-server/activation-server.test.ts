import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { FastifyInstance } from 'fastify';
import { silentLogger } from '../logger';
import type { ServedShard } from '../shard/served-shard';
import { TinyEngine } from '../test-doubles/tiny-engine';
import { createActivationServer } from './activation-server';
import { ForwardGate } from './forward-gate';

let server: FastifyInstance;
let engine: TinyEngine;
let shard: ServedShard | null = null;

beforeEach(() => {
  engine = new TinyEngine(() => undefined);
  shard = null;
  server = createActivationServer(
    {
      nodeId: 'node-1',
      shard: () => shard,
      engine: () => engine,
      gate: new ForwardGate(() => undefined),
      onStep: () => undefined,
      onServed: () => undefined,
      onFailed: () => undefined,
    },
    silentLogger,
  );
});
afterEach(() => server.close());

async function load(layer_start: number, layer_end: number): Promise<void> {
  const handle = await engine.loadShard({
    folder: '/models/tiny',
    range: { layer_start, layer_end },
    cacheFolder: '/',
    memoryBudgetBytes: 1e9,
  });
  if (!handle.ok) throw new Error(handle.error.message);
  shard = { handle: handle.value, manifest: engine.manifest, chosenBy: 'user', deviceReasons: [] };
}

async function forward(body: unknown): Promise<{ status: number; body: Record<string, unknown> }> {
  const response = await server.inject({ method: 'POST', url: '/shard/forward', payload: body as object });
  return { status: response.statusCode, body: response.json() };
}

describe('the activation server', () => {
  it('chains two shards: nested out, nested or flat in', async () => {
    await load(0, 1);
    const first = await forward({
      input_ids: [33, 34],
      is_first_shard: true,
      is_last_shard: false,
      max_new_tokens: 16,
      temperature: 0.7,
      request_id: 'r',
      model_id: 'test/tiny',
    });
    expect(first).toMatchObject({ status: 200, body: { layer_start: 0, layer_end: 1, node_id: 'node-1' } });
    expect(first.body['activations']).toEqual([
      [
        [35, 0],
        [36, 1],
      ],
    ]);
    await load(2, 3);
    for (const activations of [
      first.body['activations'],
      [35, 0, 36, 1],
      [
        [35, 0],
        [36, 1],
      ],
    ]) {
      const last = await forward({ activations, is_first_shard: false, is_last_shard: true, max_new_tokens: 16 });
      expect(last).toMatchObject({ status: 200, body: { output_ids: [39], text: '<39>', finish_reason: null } });
    }
    expect(engine.sequences.size).toBe(0);
  });

  it('gives log-probabilities of a whole answer and of one token where they are asked for', async () => {
    await load(0, 3);
    const whole = await forward({ input_ids: [33], is_last_shard: true, max_new_tokens: 2, top_logprobs: 0 });
    const described = (tokenId: number) => ({ id: tokenId, text: `<${tokenId}>`, logprob: -Math.LN2, top: [] });
    expect(whole.body).toMatchObject({ output_ids: [38, 43], logprobs: [described(38), described(43)] });
    await load(2, 3);
    const last = await forward({ activations: [35, 0], is_last_shard: true, top_logprobs: 20 });
    expect((last.body['logprobs'] as { top: unknown[] }[])[0]?.top).toHaveLength(20);
    expect((await forward({ activations: [35, 0], is_last_shard: true })).body).not.toHaveProperty('logprobs');
  });

  it('takes null for what is left out', async () => {
    await load(0, 3);
    const absent = { sampling: null, answered_ids: null, remaining_tokens: null, top_logprobs: null };
    const answer = await forward({ input_ids: [33], is_last_shard: true, max_new_tokens: 2, ...absent });
    expect(answer).toMatchObject({ status: 200, body: { output_ids: [38, 43], finish_reason: 'length' } });
  });

  it('tokenizes a prompt, or messages where they are given', async () => {
    await load(0, 3);
    const tokenize = async (payload: object): Promise<unknown> =>
      (await server.inject({ method: 'POST', url: '/shard/tokenize', payload })).json();
    expect(await tokenize({ prompt: 'ab', request_id: 'r' })).toMatchObject({ input_ids: [33, 34], token_count: 2 });
    expect(await tokenize({ prompt: 'x', messages: [{ role: 'user', content: 'a' }] })).toMatchObject({
      input_ids: [33],
    });
    expect(await tokenize({})).toMatchObject({ detail: [{ loc: ['body', 'prompt'] }] });
  });

  it.each<[string, object, number]>([
    ['nothing', {}, 422],
    ['both inputs', { input_ids: [1], activations: [1, 2] }, 422],
    ['an id outside the vocabulary', { input_ids: [64] }, 422],
    ['an id that is no number', { input_ids: ['1'] }, 422],
    ['activations where ids are needed', { activations: [1, 2] }, 422],
    ['a past', { input_ids: [1], past_key_values: [[1]] }, 422],
    ['too many tokens', { input_ids: [1], max_new_tokens: 1e9 }, 422],
    ['a negative temperature', { input_ids: [1], temperature: -1 }, 422],
    ['too many log-probabilities', { input_ids: [1], top_logprobs: 21 }, 422],
    ['half a log-probability', { input_ids: [1], top_logprobs: 0.5 }, 422],
    [
      'more log-probabilities than an answer carries',
      { input_ids: [1], max_new_tokens: 20_000, top_logprobs: 20 },
      422,
    ],
    ['sampling out of range', { input_ids: [1], sampling: { temperature: 1, top_k: 0, top_p: 2 } }, 422],
    ['sampling that is no object', { input_ids: [1], sampling: 'greedy' }, 422],
    [
      'more log-probabilities in the sampling than an answer carries',
      { input_ids: [1], max_new_tokens: 20_000, sampling: { temperature: 0, top_k: 0, top_p: 1, top_logprobs: 20 } },
      422,
    ],
    ['an answered id outside the vocabulary', { input_ids: [1, 2], answered_ids: [64] }, 422],
    ['answered ids that are no list', { input_ids: [1, 2], answered_ids: { length: 1 } }, 422],
    ['more answered ids than a prompt is before', { input_ids: [1, 2], answered_ids: [1, 2] }, 422],
    ['fewer tokens remaining than are asked for', { input_ids: [1], max_new_tokens: 2, remaining_tokens: 1 }, 422],
    ['an endless answer', { input_ids: [1], remaining_tokens: 1e9 }, 422],
    ['another model', { input_ids: [1], model_id: 'other' }, 404],
    ['a sequence beyond the context', { input_ids: Array.from({ length: 200 }, () => 1) }, 400],
  ])('refuses %s with %s', async (_name, body, status) => {
    await load(0, 1);
    const answer = await forward(body);
    expect(answer.status).toBe(status);
    expect(answer.body).toHaveProperty('detail');
  });

  it.each([
    ['ragged rows', [[[1, 2], [3]]]],
    ['two sequences', [[[1, 2]], [[3, 4]]]],
    ['half a row', [1, 2, 3]],
    ['text', [['a', 'b']]],
    ['four levels', [[[[1, 2]]]]],
    ['nothing', []],
  ])('refuses activations of %s', async (_name, activations) => {
    await load(2, 3);
    const answer = await forward({ activations });
    expect(answer).toMatchObject({ status: 422, body: { detail: [{ loc: ['body', 'activations'] }] } });
  });

  it('answers in the baseline’s shape to everything else', async () => {
    expect((await server.inject({ url: '/nothing' })).json()).toEqual({ detail: 'Not Found' });
    expect((await server.inject({ url: '/health' })).json()).toMatchObject({ status: 'degraded', model_id: null });
    expect(await forward({ input_ids: [1] })).toMatchObject({ status: 503 });
    const broken = await server.inject({
      method: 'POST',
      url: '/shard/forward',
      headers: { 'content-type': 'application/json' },
      payload: '{',
    });
    expect(broken.statusCode).toBe(400);
    expect(broken.json()).toHaveProperty('detail');
  });
});
