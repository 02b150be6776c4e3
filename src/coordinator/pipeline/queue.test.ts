import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startTestCoordinator, type TestCoordinator } from '../testing/start-coordinator';
import { serveFirst, serveLast, WsNode } from '../testing/ws-node';

type Json = Record<string, unknown>;

let target: TestCoordinator;
let nodes: WsNode[] = [];
/** Lets the answers under way give their tokens. */
let release: () => void;

async function connect(): Promise<WsNode> {
  const node = await WsNode.connect(target.url);
  await node.register();
  nodes.push(node);
  return node;
}

beforeEach(async () => {
  target = await startTestCoordinator({ maxRequests: 1, maxWaitingRequests: 2, maxWaitingRequestsPerNode: 1 });
  const [first, last] = [await connect(), await connect()];
  await first.registerShard(0, 3);
  await last.registerShard(4, 7);
  const opened = new Promise<void>((resolve) => {
    release = resolve;
  });
  serveFirst(first);
  serveLast(last, { beforeToken: () => opened.then(() => true) });
});
afterEach(async () => {
  release();
  for (const node of nodes) node.drop();
  nodes = [];
  await target.coordinator.stop();
});

function question(requestId: string = randomUUID()): Json & { request_id: string } {
  const sampling = { temperature: 0, top_k: 0, top_p: 1 };
  const asked = { model_id: 'org/test-model', prompt: 'hello', max_new_tokens: 2, sampling };
  return { type: 'generate', request_id: requestId, ...asked };
}

async function queueState(nodeId = '', requestId = ''): Promise<Json> {
  const query = nodeId === '' ? '' : `?node_id=${nodeId}&request_id=${requestId}`;
  return (await (await fetch(`${target.url}/inference/queue${query}`)).json()) as Json;
}

function askOverHttp(nodeId: string, accept: string, signal?: AbortSignal): Promise<Response> {
  return fetch(`${target.url}/inference/generate`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept },
    body: JSON.stringify({ node_id: nodeId, model_id: 'org/test-model', prompt: 'hello', max_new_tokens: 2 }),
    ...(signal === undefined ? {} : { signal }),
  });
}

/** One request that runs and waits for `release`. */
async function occupy(): Promise<{ answer: Promise<Json>; node: WsNode }> {
  const node = await connect();
  const asked = question();
  const answer = node.call(asked);
  await node.next('generate-started');
  return { answer, node };
}

describe('the line before the pipelines', () => {
  it('tells a connected requester its place, and answers when it is its turn', async () => {
    const busy = await occupy();
    const waiting = await connect();
    const asked = question();
    const answer = waiting.call(asked);
    expect(await waiting.next('generate-queued')).toMatchObject({
      request_id: asked.request_id,
      position: 1,
      waiting: 1,
    });
    expect(await queueState(waiting.nodeId, asked.request_id)).toMatchObject({
      running: 1,
      running_limit: 1,
      waiting: 1,
      request: { state: 'waiting', position: 1 },
    });
    release();
    expect(await busy.answer).toMatchObject({ ok: true });
    expect(await answer).toMatchObject({ ok: true, value: { text: 'AB' } });
    expect(await queueState(waiting.nodeId, asked.request_id)).toMatchObject({ running: 0, waiting: 0, request: null });
  });

  it('streams the place over HTTP, and refuses what does not fit with a time to come back', async () => {
    const busy = await occupy();
    const [one, two, three] = [await connect(), await connect(), await connect()];
    const streamed = await askOverHttp(one.nodeId, 'text/event-stream');
    expect(streamed.status).toBe(200);
    const own = await askOverHttp(one.nodeId, 'application/json');
    expect([own.status, ((await own.json()) as Json)['code']]).toEqual([429, 'too-many-requests']);
    const plain = askOverHttp(two.nodeId, 'application/json');
    await expect.poll(async () => (await queueState())['waiting']).toBe(2);
    const full = await askOverHttp(three.nodeId, 'application/json');
    expect([full.status, ((await full.json()) as Json)['code']]).toEqual([503, 'coordinator-busy']);
    expect(Number(full.headers.get('retry-after'))).toBeGreaterThan(0);
    release();
    expect(await busy.answer).toMatchObject({ ok: true });
    const events = await streamed.text();
    expect(events).toMatch(/^event: queued\ndata: \{"request_id":"[^"]+","position":1,"waiting":1\}\n\nevent: started/);
    expect(events).toContain('event: finished');
    expect((await plain).status).toBe(200);
  });

  it('is left by cancelling and by going away, without a charge', async () => {
    const busy = await occupy();
    const waiting = await connect();
    const asked = question();
    const answer = waiting.call(asked);
    await waiting.next('generate-queued');
    const leaver = new AbortController();
    const left = askOverHttp((await connect()).nodeId, 'application/json', leaver.signal).catch(() => 'gone');
    await expect.poll(async () => (await queueState())['waiting']).toBe(2);
    leaver.abort();
    expect(await left).toBe('gone');
    await expect.poll(async () => (await queueState())['waiting']).toBe(1);
    await waiting.call({ type: 'cancel-generate', request_id: asked.request_id });
    expect(await answer).toMatchObject({ ok: false, error: { code: 'cancelled' } });
    expect(await queueState()).toMatchObject({ running: 1, waiting: 0 });
    release();
    expect(await busy.answer).toMatchObject({ ok: true });
    const balance = (await (await fetch(`${target.url}/tokens/${waiting.nodeId}/balance`)).json()) as Json;
    expect(balance).toMatchObject({ balance: 10, total_spent: 0 });
  });
});
