import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startTestCoordinator, type TestCoordinator } from '../testing/start-coordinator';
import { handmadeFrame, serveFirst, serveLast, WsNode } from '../testing/ws-node';

type Json = Record<string, unknown>;

/** Generous, for machines that are busy with other things. */
const WITHIN = { timeout: 20_000 };

let target: TestCoordinator;
let nodes: WsNode[] = [];

beforeEach(async () => {
  target = await startTestCoordinator();
});
afterEach(async () => {
  for (const node of nodes) node.drop();
  nodes = [];
  await target.coordinator.stop();
});

async function connect(
  ...options: Parameters<typeof WsNode.connect> extends [string, ...infer Rest] ? Rest : never
): Promise<WsNode> {
  const node = await WsNode.connect(target.url, ...options);
  nodes.push(node);
  return node;
}

async function pair(): Promise<{ first: WsNode; last: WsNode }> {
  const [first, last] = [await connect(), await connect()];
  await first.register();
  await last.register();
  expect((await first.registerShard(0, 3))['ok']).toBe(true);
  expect((await last.registerShard(4, 7))['ok']).toBe(true);
  return { first, last };
}

function generate(more: Json = {}): Json {
  return {
    type: 'generate',
    request_id: randomUUID(),
    model_id: 'org/test-model',
    prompt: 'hello',
    max_new_tokens: 5,
    sampling: { temperature: 0, top_k: 0, top_p: 1 },
    ...more,
  };
}

async function getJson(path: string): Promise<Json> {
  return (await (await fetch(target.url + path)).json()) as Json;
}

describe('generating', () => {
  it('relays frames between two nodes, streams tokens and settles', async () => {
    const { first, last } = await pair();
    serveFirst(first);
    serveLast(last);
    const call = generate();
    const reply = await first.call(call);
    expect(reply).toMatchObject({
      ok: true,
      value: { text: 'ABCDE', tokens: 5, input_tokens: 5, finish_reason: 'length', request_id: call['request_id'] },
    });
    const started = await first.next('generate-started');
    expect(started).toMatchObject({
      input_tokens: 5,
      pipeline: [
        { node_id: first.nodeId, layer_start: 0, layer_end: 3, transport: 'ws-relay' },
        { node_id: last.nodeId, layer_start: 4, layer_end: 7, transport: 'ws-relay' },
      ],
    });
    const tokens = first.messages.filter((message) => message['type'] === 'generate-token');
    expect(tokens.map((message) => [message['index'], message['text']])).toEqual([
      [0, 'A'],
      [1, 'B'],
      [2, 'C'],
      [3, 'D'],
      [4, 'E'],
    ]);
    expect(
      last.frames.map((frame) => [frame.readUInt16LE(24), frame.readUInt32LE(28), frame.readUInt32LE(32)]),
    ).toEqual([
      [1, 0, 5],
      [1, 5, 1],
      [1, 6, 1],
      [1, 7, 1],
      [1, 8, 1],
    ]);
    // Between the coordinator and its nodes a request has a name nobody else knows.
    const closed = await last.next('pipeline-close');
    expect(closed).toMatchObject({ reason: 'length' });
    expect(closed['request_id']).not.toBe(call['request_id']);
    const earned = await last.next('balance', (message) => message['event_type'] === 'issuance');
    expect(Number(earned['amount'])).toBeGreaterThan(0);
    const value = reply['value'] as Json;
    expect(Number(value['gft_deducted'])).toBeGreaterThan(0);
    expect((await getJson('/tokens/ledger/verify'))['chain_valid']).toBe(true);
    expect((await getJson(`/tokens/${first.nodeId}/balance`))['balance']).toBe(value['new_balance']);
  });

  it('ends at a stop and at the context', async () => {
    const { first, last } = await pair();
    serveFirst(first);
    serveLast(last, { stopAfter: 2 });
    expect((await first.call(generate()))['value']).toMatchObject({ text: 'AB', finish_reason: 'stop' });
    serveLast(last);
    const long = await first.call(generate({ prompt: 'x'.repeat(120), max_new_tokens: 100 }));
    expect(long['value']).toMatchObject({ tokens: 8, input_tokens: 120, finish_reason: 'length' });
    const tooLong = await first.call(generate({ prompt: 'x'.repeat(128) }));
    expect(tooLong).toMatchObject({ ok: false, error: { code: 'prompt-too-long' } });
  });

  it('streams over HTTP too', async () => {
    const { first, last } = await pair();
    serveFirst(first);
    serveLast(last, { stopAfter: 3 });
    const response = await fetch(`${target.url}/inference/generate`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'text/event-stream' },
      body: JSON.stringify({ node_id: first.nodeId, model_id: 'org/test-model', prompt: 'hello', temperature: 0 }),
    });
    expect(response.headers.get('content-type')).toContain('text/event-stream');
    const events = (await response.text())
      .trim()
      .split('\n\n')
      .map((block) => block.split('\n'));
    expect(events.map(([name]) => name)).toEqual([
      'event: started',
      'event: token',
      'event: token',
      'event: token',
      'event: finished',
    ]);
    const finished = JSON.parse(String(events.at(-1)?.[1]).slice('data: '.length)) as Json;
    expect(finished).toMatchObject({ text: 'ABC', tokens: 3, pipeline: [first.nodeId, last.nodeId] });
  });

  it('cancels on demand and charges for what was produced', async () => {
    const { first, last } = await pair();
    serveFirst(first);
    const call = generate({ max_new_tokens: 50 });
    serveLast(last, { beforeToken: (index) => index < 2 });
    const id = first.begin(call);
    await first.next('generate-token', (message) => message['index'] === 1);
    expect((await first.call({ type: 'cancel-generate', request_id: call['request_id'] }))['ok']).toBe(true);
    const reply = await first.next('reply', (message) => message['call_id'] === id);
    expect(reply).toMatchObject({ ok: true, value: { text: 'AB', tokens: 2, finish_reason: 'cancelled' } });
    expect(Number((reply['value'] as Json)['gft_deducted'])).toBeGreaterThan(0);
    expect(await last.next('pipeline-close')).toMatchObject({ reason: 'cancelled' });
    expect(await first.call({ type: 'cancel-generate', request_id: call['request_id'] })).toMatchObject({
      ok: false,
      error: { code: 'request-unknown' },
    });
  });

  it('cancels when the HTTP client goes away', async () => {
    const { first, last } = await pair();
    serveFirst(first);
    serveLast(last, { beforeToken: (index) => index < 1 });
    const abort = new AbortController();
    const request = fetch(`${target.url}/inference/generate`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ node_id: first.nodeId, model_id: 'org/test-model', prompt: 'hello' }),
      signal: abort.signal,
    });
    await expect.poll(() => last.frames.length, WITHIN).toBe(2);
    abort.abort();
    await expect(request).rejects.toThrow('abort');
    expect(await last.next('pipeline-close')).toMatchObject({ reason: 'cancelled' });
  });

  it('fails with node-lost when a node dies in the middle, and charges nobody', async () => {
    const { first, last } = await pair();
    serveFirst(first);
    serveLast(last, {
      beforeToken: (index) => {
        if (index === 2) last.drop();
        return index < 2;
      },
    });
    const before = await getJson(`/tokens/${first.nodeId}/balance`);
    const reply = await first.call(generate());
    expect(reply).toMatchObject({
      ok: false,
      error: { code: 'node-lost', message: expect.stringContaining(last.nodeId) as string },
    });
    expect(await first.next('pipeline-close')).toMatchObject({ reason: 'error' });
    expect(await getJson(`/tokens/${first.nodeId}/balance`)).toEqual(before);
    expect((await getJson('/inference/pipeline/org/test-model'))['layers_missing']).toEqual([4, 5, 6, 7]);
    const again = await connect(last.key);
    await again.registerShard(4, 7);
    serveLast(again);
    expect((await first.call(generate()))['ok']).toBe(true);
  });

  it.each([
    ['a wrong hidden size', { hiddenSize: 9 }, '[5, 9]'],
    ['too few positions', { positions: 4 }, '[4, 8]'],
    ['a wrong position', { position: 3 }, 'position 3'],
    ['a wrong hop', { hop: 2 }, 'hop 2'],
  ])('names the node that sent a frame with %s', async (_name, wrong, said) => {
    const { first, last } = await pair();
    serveFirst(first, { frame: (fields) => handmadeFrame({ ...fields, ...wrong }) });
    serveLast(last);
    const reply = await first.call(generate());
    expect(reply).toMatchObject({ ok: false, error: { code: 'frame-invalid' } });
    const { message } = reply['error'] as { message: string };
    expect(message).toContain(first.nodeId);
    expect(message).toContain(said);
    expect(last.frames).toEqual([]);
    expect(await first.next('node-status')).toMatchObject({ reliability: 0.5, passed: false });
    expect(first.closed).toBeNull();
  });

  it('passes on every character a model may write, U+0000 as well', async () => {
    const { first, last } = await pair();
    serveFirst(first);
    serveLast(last, { stopAfter: 2, text: (index) => (index === 0 ? 'a\u0000b' : 'c') });
    expect(await first.call(generate())).toMatchObject({ ok: true, value: { text: 'a\u0000bc' } });
    expect(last.closed).toBeNull();
  });

  it('closes a node that meddles with a request it has no part in', async () => {
    const { first, last } = await pair();
    serveFirst(first);
    serveLast(last, { beforeToken: () => false });
    const call = generate();
    first.begin(call);
    await expect.poll(() => last.frames.length, WITHIN).toBe(1);
    const stranger = await connect();
    await stranger.register();
    const tokens = [{ id: 1, text: 'evil' }];
    stranger.send({ type: 'pipeline-token', request_id: call['request_id'], step: 1, position: 5, tokens });
    expect(await stranger.untilClosed()).toEqual({ code: 4400, reason: expect.stringContaining('no part') as string });
    expect(first.messages.some((message) => message['type'] === 'generate-token')).toBe(false);
  });

  it('lets nodes round as they like only where tokens are drawn without a seed of the requester', async () => {
    const { first, last } = await pair();
    serveFirst(first);
    serveLast(last);
    const plain = { top_k: 0, top_p: 1 };
    for (const [sampling, told] of [
      [{ ...plain, temperature: 0 }, undefined],
      [{ ...plain, temperature: 0.7, seed: 5 }, undefined],
      [{ ...plain, temperature: 0.7 }, false],
    ] as const) {
      expect(await first.call(generate({ sampling }))).toMatchObject({ ok: true });
      for (const node of [first, last]) expect((await node.next('pipeline-open'))['repeatable']).toBe(told);
    }
  });

  it('tries another node when one refuses to open', async () => {
    const { first, last } = await pair();
    const spare = await connect();
    await spare.register();
    await spare.registerShard(4, 7);
    serveFirst(first);
    const refuse = (node: WsNode): void =>
      node.behave((message) => {
        if (message['type'] !== 'pipeline-open') return;
        const { request_id, hop } = message;
        node.send({ type: 'pipeline-failed', request_id, hop, code: 'busy', message: 'no memory', retryable: true });
      });
    refuse(last);
    serveLast(spare);
    expect((await first.call(generate()))['value']).toMatchObject({ text: 'ABCDE' });
    refuse(spare);
    const reply = await first.call(generate());
    expect(reply).toMatchObject({
      ok: false,
      error: { code: 'node-failed', message: expect.stringContaining('no memory') as string },
    });
  });

  it.each([
    ['more tokens than its bytes allow', Array.from({ length: 60 }, () => 1)],
    ['more tokens than the context has', Array.from({ length: 10_000 }, () => 1)],
    ['tokens the vocabulary does not have', [1, 1_000_000]],
    ['a refusal it calls final', null],
  ])('asks another node when one makes %s of a prompt', async (_what, ids) => {
    const { first: cheat, last } = await pair();
    const [honest, asker] = [await connect(), await connect()];
    for (const node of [honest, asker]) await node.register();
    await honest.registerShard(0, 3);
    serveFirst(honest);
    serveLast(last);
    let lies = 0;
    cheat.behave((message) => {
      if (message['type'] !== 'pipeline-open') return;
      const to = { request_id: message['request_id'], hop: 0 };
      lies += 1;
      if (ids !== null) cheat.send({ type: 'pipeline-opened', ...to, input_ids: ids });
      else cheat.send({ type: 'pipeline-failed', ...to, code: 'never', message: 'never', retryable: false });
    });
    // Equals take turns, so one of two requests begins at the cheat.
    for (let asked = 0; asked < 2; asked += 1) {
      expect(await asker.call(generate())).toMatchObject({ ok: true, value: { text: 'ABCDE' } });
    }
    expect(lies).toBeGreaterThan(0);
    const reliability = async (): Promise<unknown> => (await getJson(`/nodes/${cheat.nodeId}`))['reliability_factor'];
    if (ids !== null) await expect.poll(reliability, WITHIN).toBeLessThan(1);
    expect((await getJson(`/nodes/${honest.nodeId}`))['reliability_factor']).toBe(1);
  });

  it('gives up on a node that does not answer', async () => {
    await target.coordinator.stop();
    target = await startTestCoordinator({ stepTimeoutSeconds: 0.1 });
    const { first, last } = await pair();
    serveFirst(first);
    serveLast(last, { beforeToken: () => false });
    expect(await first.call(generate())).toMatchObject({ ok: false, error: { code: 'node-timeout' } });
    expect(await last.next('pipeline-close')).toMatchObject({ reason: 'error' });
  });

  it('takes no more tokens for a prompt than its bytes allow', async () => {
    const { first, last } = await pair();
    serveLast(last);
    first.behave((message) => {
      if (message['type'] !== 'pipeline-open') return;
      const ids = Array.from({ length: 60 }, () => 1);
      first.send({ type: 'pipeline-opened', request_id: message['request_id'], hop: 0, input_ids: ids });
    });
    expect(await first.call(generate())).toMatchObject({ ok: false, error: { code: 'answer-invalid' } });
  });

  it('never lets concurrent requests spend the same GFT twice', async () => {
    await target.coordinator.stop();
    // Enough for two of the requests below, not for three.
    target = await startTestCoordinator({ openingGrantMicroGft: 1 });
    const probe = await pair();
    serveFirst(probe.first);
    serveLast(probe.last);
    const refused = await probe.first.call(generate());
    const { message } = refused['error'] as { message: string };
    const needed = Number(/up to ([0-9.]+) GFT/.exec(message)?.[1]) * 1e6;
    expect(refused).toMatchObject({ ok: false, error: { code: 'balance-too-low' } });
    for (const node of nodes) node.drop();
    await target.coordinator.stop();

    target = await startTestCoordinator({ openingGrantMicroGft: Math.round(needed * 2.5), maxRequestsPerNode: 100 });
    const { first, last } = await pair();
    const spender = await connect();
    await spender.register({ matmul_score: 0, memory_score: 0, latency_score: 0 });
    serveFirst(first);
    let release: () => void = () => undefined;
    const gate = new Promise<boolean>((resolve) => {
      release = () => resolve(true);
    });
    serveLast(last, { beforeToken: () => gate });
    const calls = Array.from({ length: 10 }, () => spender.begin(generate()));
    await expect.poll(() => spender.messages.filter((reply) => reply['type'] === 'reply').length, WITHIN).toBe(8);
    release();
    const replies = await Promise.all(calls.map((id) => spender.next('reply', (reply) => reply['call_id'] === id)));
    expect(replies.filter((reply) => reply['ok'] === true)).toHaveLength(2);
    const balance = await getJson(`/tokens/${spender.nodeId}/balance`);
    expect(Number(balance['balance'])).toBeGreaterThanOrEqual(0);
    expect((await getJson('/tokens/ledger/verify'))['chain_valid']).toBe(true);
    const later = await spender.call(generate());
    expect(later['ok']).toBe(true);
  });
});
