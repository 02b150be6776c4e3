import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { callAt, MODEL, post, registerNode, shard } from '../testing/foreign-client';
import { ShardServer } from '../testing/foreign-shard-server';
import { startTestCoordinator, type TestCoordinator } from '../testing/start-coordinator';
import { serveFirst, serveLast, WsNode } from '../testing/ws-node';

/* Log-probabilities on their way from the node that samples to whoever asks, over every border of the coordinator. */

type Json = Record<string, unknown>;

const SAMPLING = { temperature: 0, top_k: 0, top_p: 1, top_logprobs: 2 };

let target: TestCoordinator;
let nodes: WsNode[] = [];

beforeEach(async () => {
  target = await startTestCoordinator();
  callAt(target.url);
});
afterEach(async () => {
  for (const node of nodes) node.drop();
  nodes = [];
  await target.coordinator.stop();
});

async function connect(key?: WsNode['key']): Promise<WsNode> {
  const node = await WsNode.connect(target.url, key);
  nodes.push(node);
  return node;
}

async function pair(): Promise<{ first: WsNode; last: WsNode }> {
  const [first, last] = [await connect(), await connect()];
  await first.register();
  await last.register();
  await first.registerShard(0, 3);
  await last.registerShard(4, 7);
  serveFirst(first);
  return { first, last };
}

function describeToken(index: number, id: number): Json {
  const own = { id, text: String.fromCharCode(id), logprob: -0.25 - index / 8 };
  return { ...own, top: [own, { id: 200, text: '\uFFFD', bytes: [0xc3], logprob: -3 }] };
}

function generate(more: Json = {}): Json {
  const asked = { request_id: randomUUID(), model_id: MODEL, prompt: 'hello', max_new_tokens: 3 };
  return { type: 'generate', ...asked, sampling: SAMPLING, ...more };
}

function httpBody(node: WsNode, more: Json = {}): Json {
  return { node_id: node.nodeId, model_id: MODEL, prompt: 'hello', max_new_tokens: 3, sampling: SAMPLING, ...more };
}

const tokensOf = (node: WsNode): Json[] => node.messages.filter((message) => message['type'] === 'generate-token');

describe('log-probabilities', () => {
  it('reach a requester with each token over the WebSocket', async () => {
    const { first, last } = await pair();
    serveLast(last, { logprobs: describeToken });
    expect(await first.call(generate())).toMatchObject({ ok: true, value: { text: 'ABC' } });
    expect(tokensOf(first).map((message) => message['logprobs'])).toEqual(
      [0, 1, 2].map((index) => describeToken(index, 65 + index)),
    );
    expect((await last.next('pipeline-open'))['sampling']).toMatchObject({ top_logprobs: 2 });
  });

  it('reach a client over HTTP, as events or as a list', async () => {
    const { first, last } = await pair();
    serveLast(last, { logprobs: (index, id) => (index === 1 ? undefined : describeToken(index, id)) });
    const whole = await post('/inference/generate', httpBody(first));
    expect(whole.body['logprobs']).toEqual([describeToken(0, 65), null, describeToken(2, 67)]);
    const response = await fetch(`${target.url}/inference/generate`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'text/event-stream' },
      body: JSON.stringify(httpBody(first)),
    });
    const events = (await response.text()).trim().split('\n\n');
    const data = events.map((event) => JSON.parse(event.slice(event.indexOf('data: ') + 6)) as Json);
    expect(data.slice(1, 4).map((token) => token['logprobs'])).toEqual([
      describeToken(0, 65),
      undefined,
      describeToken(2, 67),
    ]);
    expect(data.at(-1)).not.toHaveProperty('logprobs');
  });

  it('are left out where nobody asks and where a node does not know them', async () => {
    const { first, last } = await pair();
    serveLast(last);
    expect((await post('/inference/generate', httpBody(first))).body).not.toHaveProperty('logprobs');
    serveLast(last, { logprobs: describeToken });
    const plain = httpBody(first, { sampling: { temperature: 0, top_k: 0, top_p: 1 } });
    const answer = await post('/inference/generate', plain);
    expect(answer).toMatchObject({ status: 200, body: { text: 'ABC' } });
    expect(answer.body).not.toHaveProperty('logprobs');
  });

  it('are refused where a request asks for what cannot be given', async () => {
    const { first } = await pair();
    for (const topLogprobs of [-1, 21, 0.5, '3']) {
      const sampling = { ...SAMPLING, top_logprobs: topLogprobs };
      expect((await post('/inference/generate', httpBody(first, { sampling }))).status).toBe(422);
    }
    const sampling = { ...SAMPLING, top_logprobs: 20 };
    const many = await post('/inference/generate', httpBody(first, { sampling, max_new_tokens: 20_000 }));
    expect(many.status).toBe(400);
    expect(await first.call(generate({ sampling, max_new_tokens: 20_000 }))).toMatchObject({
      ok: false,
      error: { code: 'log-probabilities-too-many', suggestion: 'Ask for fewer tokens or fewer alternatives.' },
    });
  });

  it.each<[string, (described: Json) => unknown, string]>([
    ['a positive one', (described) => ({ ...described, logprob: 1 }), 'another shape'],
    ['another token', (described) => ({ ...described, id: 3 }), 'of token 3'],
    [
      'too many',
      (described) => ({ ...described, top: [...(described['top'] as []), { id: 9, text: '', logprob: -4 }] }),
      '3 likeliest',
    ],
    ['another order', (described) => ({ ...described, top: [...(described['top'] as [])].reverse() }), 'not in order'],
  ])('with %s are a wrong answer of their node', async (_name, change, said) => {
    const { first, last } = await pair();
    serveLast(last, { logprobs: (index, id) => change(describeToken(index, id)) });
    const reply = await first.call(generate());
    const { message } = reply['error'] as { message: string };
    expect(reply).toMatchObject({ ok: false, error: { code: 'frame-invalid' } });
    expect(message).toContain(last.nodeId);
    expect(message).toContain(said);
    expect(await last.next('node-status')).toMatchObject({ passed: false });
    expect(tokensOf(first)).toEqual([]);
  });

  it('stay with an answer whose requester takes the rest over another connection', async () => {
    const { last } = await pair();
    const asker = await connect();
    await asker.register();
    let open: () => void = () => undefined;
    const gate = new Promise<boolean>((resolve) => {
      open = () => resolve(true);
    });
    serveLast(last, { logprobs: describeToken, beforeToken: (index) => (index < 2 ? true : gate) });
    const call = generate();
    asker.begin(call);
    await asker.next('generate-token', (message) => message['index'] === 1);
    asker.drop();
    const again = await connect(asker.key);
    const rest = again.call({ ...call, resume_from: 1 });
    await again.next('generate-started');
    open();
    expect(await rest).toMatchObject({ ok: true, value: { text: 'ABC' } });
    expect(tokensOf(again).map((message) => message['logprobs'])).toEqual([describeToken(1, 66), describeToken(2, 67)]);
  });
});

describe('log-probabilities of a node of the HTTP baseline', () => {
  let server: ShardServer | null = null;
  afterEach(() => server?.close());

  async function ask(logprobs: unknown): Promise<{ readonly status: number; readonly body: Json }> {
    const [owner, worker] = [await registerNode('key-a'), await registerNode('key-b')];
    const answer = { output_ids: [65, 66], text: 'AB', finish_reason: 'stop', logprobs };
    server = await new ShardServer({ answer: (path) => (path === '/shard/forward' ? answer : undefined) }).listen();
    await post('/inference/shards/register', shard(worker, 0, 7, server.port));
    const body = { node_id: owner, model_id: MODEL, prompt: 'hello', max_new_tokens: 4, sampling: SAMPLING };
    return post('/inference/generate', body);
  }

  it('are asked for and passed on', async () => {
    const described = [describeToken(0, 65), describeToken(1, 66)];
    expect(await ask(described)).toMatchObject({ status: 200, body: { text: 'AB', logprobs: described } });
    expect(server?.calls[1]?.body).toMatchObject({ top_logprobs: 2 });
  });

  it('may be missing', async () => {
    const answer = await ask(undefined);
    expect(answer).toMatchObject({ status: 200, body: { text: 'AB' } });
    expect(answer.body).not.toHaveProperty('logprobs');
  });

  it.each([
    ['of fewer tokens', [describeToken(0, 65)]],
    ['of other tokens', [describeToken(0, 65), describeToken(1, 67)]],
    ['in another form', { 0: describeToken(0, 65) }],
  ])('%s are a wrong answer', async (_name, logprobs) => {
    const answer = await ask(logprobs);
    expect(answer.status).toBe(503);
    expect(String(answer.body['detail'])).toContain('sent');
  });
});
