import { randomUUID } from 'node:crypto';
import type { Socket } from 'node:net';
import { v7 } from 'uuid';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { startTestCoordinator, type TestCoordinator } from '../testing/start-coordinator';
import { handmadeFrame, newTestKey, serveFirst, serveLast, WsNode } from '../testing/ws-node';

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

async function dial(
  ...options: Parameters<typeof WsNode.dial> extends [string, ...infer Rest] ? Rest : never
): Promise<WsNode> {
  const node = await WsNode.dial(target.url, ...options);
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

async function getJson(path: string): Promise<Json> {
  return (await (await fetch(target.url + path)).json()) as Json;
}

describe('connecting', () => {
  it('greets, checks the key and registers', async () => {
    const key = newTestKey();
    const node = await connect(key);
    expect(node.nodeId).toBe('');
    const id = await node.register();
    const beat = await node.call({ type: 'heartbeat' });
    expect(beat).toMatchObject({ ok: true, value: { status: 'active', node_id: id, shards: 0 } });
    node.drop();
    const again = await connect(key);
    expect(again.nodeId).toBe(id);
    expect(await again.register()).toBe(id);
  });

  it('closes with a reason when the signature is wrong', async () => {
    const node = await dial();
    const hello = await node.next('hello');
    const signature = node.proof(String(hello['nonce']), 'another-coordinator');
    node.send({ type: 'authenticate', public_key: node.key.publicKey, signature });
    expect(await node.untilClosed()).toEqual({ code: 4401, reason: expect.stringContaining('not proved') as string });
  });

  it('refuses a replayed proof', async () => {
    const node = await dial();
    const hello = await node.next('hello');
    const signature = node.proof(String(hello['nonce']), String(hello['coordinator_id']));
    const other = await dial(node.key);
    await other.next('hello');
    other.send({ type: 'authenticate', public_key: node.key.publicKey, signature });
    expect((await other.untilClosed()).code).toBe(4401);
  });

  it.each([
    ['garbage', '{nonsense', 4400],
    ['an unknown type', JSON.stringify({ type: 'surprise' }), 4400],
    ['a call before the proof', JSON.stringify({ type: 'heartbeat', call_id: 1 }), 4401],
    ['a wrong field', JSON.stringify({ type: 'heartbeat', call_id: 'one' }), 4400],
    ['a frame before the proof', handmadeFrame({ requestId: randomUUID(), hop: 1, position: 0, positions: 1 }), 4401],
    ['a large text', JSON.stringify({ type: 'x'.repeat(5_000_000) }), 1009],
  ])('closes on %s', async (_name, data, code) => {
    const node = await dial();
    await node.next('hello');
    node.socket.send(data);
    const closed = await node.untilClosed();
    expect(closed.code).toBe(code);
    expect(closed.reason).not.toBe('');
  });

  it('cuts a message that is larger than any frame off', async () => {
    const node = await connect();
    node.socket.send(Buffer.alloc(64 * 1024 * 1024 + 65));
    expect((await node.untilClosed()).code).toBe(1009);
    expect((await fetch(`${target.url}/health`)).status).toBe(200);
  });

  it('closes on a message that nests deeper than anybody may walk through, and goes on', async () => {
    const key = newTestKey();
    const ada = await connect(key, { purpose: 'participant' });
    const sessionId = v7();
    const me = { display_name: 'Ada', platform: 'test', model: null };
    const create = { type: 'session-create', session_id: sessionId, title: 'Assay', mode: 'live', me };
    expect(await ada.call(create)).toMatchObject({ ok: true });
    const piece = { turn_id: v7(), in_reply_to: null, offset: 0, text: 'x', state: 'writing' };
    const text = JSON.stringify({ type: 'session-stream', session_id: sessionId, piece: { ...piece, more: 0 } });
    ada.socket.send(text.replace('"more":0', `"more":${'['.repeat(6_000)}${']'.repeat(6_000)}`));
    expect(await ada.untilClosed()).toMatchObject({ code: 4400, reason: expect.stringContaining('nested') as string });
    expect((await fetch(`${target.url}/health`)).status).toBe(200);
  });

  it('closes on a binary message that is no frame', async () => {
    const node = await connect();
    node.socket.send(Buffer.from('not a frame at all, but long enough to hold a header'));
    expect(await node.untilClosed()).toMatchObject({
      code: 4400,
      reason: expect.stringContaining('not an activation') as string,
    });
  });

  it('does not wait for ever for a proof', async () => {
    await target.coordinator.stop();
    target = await startTestCoordinator({ authenticationSeconds: 0.05 });
    const node = await dial();
    expect((await node.untilClosed()).code).toBe(4408);
  });

  it('wants the subprotocol, and no web page', async () => {
    await expect(dial(newTestKey(), { subprotocol: 'other.v1' })).rejects.toThrow('subprotocol');
    const without = new WebSocket(`${target.url.replace('http', 'ws')}/ws`);
    const code = await new Promise<number>((resolve, reject) => {
      without.on('close', resolve);
      without.on('error', reject);
    });
    expect(code).toBe(4406);
    const page = new WebSocket(`${target.url.replace('http', 'ws')}/ws`, ['tore.v1'], {
      origin: 'https://page.example',
    });
    const status = await new Promise<number>((resolve) => {
      page.on('unexpected-response', (_request, response) => resolve(response.statusCode ?? 0));
      page.on('error', () => undefined);
      page.on('open', () => resolve(101));
    });
    expect(status).toBe(403);
    expect((await fetch(`${target.url}/ws`)).status).toBe(426);
  });

  it('needs the access token', async () => {
    await target.coordinator.stop();
    target = await startTestCoordinator({ accessToken: 'a-secret-token' });
    await expect(WsNode.dial(target.url)).rejects.toThrow('401');
    const node = await connect(newTestKey(), { headers: { authorization: 'Bearer a-secret-token' } });
    expect(await node.register()).not.toBe('');
  });

  it('keeps one connection per key, the newer one', async () => {
    const key = newTestKey();
    const older = await connect(key);
    await older.register();
    const newer = await connect(key);
    expect((await older.untilClosed()).code).toBe(4409);
    expect((await newer.call({ type: 'heartbeat' }))['ok']).toBe(true);
  });

  it('closes a connection with too many unanswered calls', async () => {
    const { first, last } = await pair();
    serveFirst(first);
    serveLast(last, { beforeToken: () => new Promise<boolean>(() => undefined) });
    // In one piece, so that they arrive together and none is answered in between.
    const { _socket: wire } = first.socket as unknown as { _socket: Socket };
    wire.cork();
    for (let index = 0; index < 300; index += 1) first.begin({ type: 'heartbeat' });
    wire.uncork();
    expect((await first.untilClosed()).code).toBe(4429);
  });
});

describe('resuming', () => {
  it('replays missed events and brings the shards back', async () => {
    const { first, last } = await pair();
    const key = last.key;
    const seen = last.messages.filter((message) => 'event' in message);
    const lastEvent = Math.max(0, ...seen.map((message) => Number(message['event'])));
    last.drop();
    await expect
      .poll(async () => (await getJson('/inference/pipeline/org/test-model'))['available'], WITHIN)
      .toBe(false);
    // A verdict while it is away: the challenge goes over HTTP, its answer is wrong.
    const task = (await (
      await fetch(`${target.url}/tasks/dispatch/${last.nodeId}`, { method: 'POST' })
    ).json()) as Json;
    await fetch(`${target.url}/tasks/result`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        task_id: task['task_id'],
        node_id: last.nodeId,
        result_hash: 'no',
        flops_delivered: 0,
        execution_time_ms: 0,
      }),
    });
    const resumed = await connect(key, { resume: { connection_id: last.connectionId, last_event: lastEvent } });
    expect(resumed.connectionId).toBe(last.connectionId);
    const verdict = await resumed.next('node-status');
    expect(verdict).toMatchObject({ event: lastEvent + 1, passed: false });
    await expect
      .poll(async () => (await getJson('/inference/pipeline/org/test-model'))['available'], WITHIN)
      .toBe(true);
    expect(first.closed).toBeNull();
  });

  it('makes a node that comes back without resuming register its shard again', async () => {
    const { last } = await pair();
    last.drop();
    const again = await connect(last.key);
    expect((await again.call({ type: 'heartbeat' }))['value']).toMatchObject({ shards: 0 });
    expect((await getJson('/inference/pipeline/org/test-model'))['available']).toBe(false);
    await again.registerShard(4, 7);
    expect((await getJson('/inference/pipeline/org/test-model'))['available']).toBe(true);
  });

  it('tells connected nodes when the coverage changes', async () => {
    const { first, last } = await pair();
    await first.next('coverage', (message) => message['available'] === true);
    first.messages.length = 0;
    last.drop();
    expect(await first.next('coverage', (message) => message['available'] === false)).toMatchObject({
      model_id: 'org/test-model',
      layers_missing: [4, 5, 6, 7],
    });
  });
});

describe('challenges over the connection', () => {
  it('come shortly after a shard was registered and are judged', async () => {
    await target.coordinator.stop();
    target = await startTestCoordinator({
      firstChallengeAfterSeconds: 0.05,
      taskTimeoutSeconds: 3,
      challengeEverySeconds: 0.2,
    });
    const node = await connect();
    await node.register();
    await node.registerShard(0, 7);
    const { task } = await node.next('task');
    const answer = {
      task_id: (task as Json)['task_id'],
      node_id: node.nodeId,
      result_hash: 'wrong',
      flops_delivered: 0,
      execution_time_ms: 1,
    };
    const reply = await node.call({ type: 'task-result', result: answer });
    expect(reply).toMatchObject({ ok: true, value: { passed: false, status: 'failed' } });
    expect(await node.next('node-status')).toMatchObject({ passed: false, task_id: answer.task_id });
    // The next one is not answered at all.
    await node.next('task', (message) => (message['task'] as Json)['task_id'] !== answer.task_id);
    const expired = await node.next('node-status');
    expect(expired).toMatchObject({ passed: false, message: expect.stringContaining('in time') as string });
  });
});
