import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startTestCoordinator, type TestCoordinator } from '../testing/start-coordinator';
import { serveFirst, serveLast, WsNode } from '../testing/ws-node';

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

async function connect(key?: WsNode['key']): Promise<WsNode> {
  const node = await WsNode.connect(target.url, key);
  nodes.push(node);
  return node;
}

/** Two nodes that serve, where the last token waits for its gate, and one that asks. */
async function cooperative(beforeToken: (index: number) => boolean | Promise<boolean>): Promise<{
  asker: WsNode;
  last: WsNode;
}> {
  const [first, last, asker] = [await connect(), await connect(), await connect()];
  await first.register();
  await last.register();
  await asker.register();
  await first.registerShard(0, 3);
  await last.registerShard(4, 7);
  serveFirst(first);
  serveLast(last, { beforeToken });
  return { asker, last };
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

const tokensOf = (node: WsNode): unknown[] =>
  node.messages.filter((message) => message['type'] === 'generate-token').map((message) => message['text']);

async function redemptions(nodeId: string): Promise<number> {
  const entries = (await (await fetch(`${target.url}/tokens/${nodeId}/history?limit=100`)).json()) as Json;
  return (entries['entries'] as Json[]).filter((entry) => entry['event_type'] === 'redemption').length;
}

function gateAt(index: number): { before: (at: number) => boolean | Promise<boolean>; open: () => void } {
  let open: () => void = () => undefined;
  const gate = new Promise<boolean>((resolve) => {
    open = () => resolve(true);
  });
  return { before: (at) => (at < index ? true : gate), open };
}

describe('a requester that loses its connection', () => {
  it('takes the rest of its answer over the next one, and pays once', async () => {
    const gate = gateAt(2);
    const { asker } = await cooperative(gate.before);
    const call = generate();
    asker.begin(call);
    await asker.next('generate-token', (message) => message['index'] === 1);
    asker.drop();
    await asker.untilClosed();
    const again = await connect(asker.key);
    const id = again.begin({ ...call, resume_from: 2 });
    expect(await again.next('generate-started')).toMatchObject({ resumed: true, input_tokens: 5 });
    gate.open();
    const reply = await again.next('reply', (message) => message['call_id'] === id);
    expect(reply).toMatchObject({ ok: true, value: { text: 'ABCDE', tokens: 5, finish_reason: 'length' } });
    expect(tokensOf(again)).toEqual(['C', 'D', 'E']);
    expect(await redemptions(again.nodeId)).toBe(1);
  });

  it('finds the end of an answer that was finished meanwhile', async () => {
    const gate = gateAt(4);
    const { asker, last } = await cooperative(gate.before);
    const call = generate();
    asker.begin(call);
    await asker.next('generate-token', (message) => message['index'] === 3);
    asker.drop();
    await asker.untilClosed();
    gate.open();
    await last.next('pipeline-close');
    const again = await connect(asker.key);
    const reply = await again.call({ ...call, resume_from: 4 });
    expect(reply).toMatchObject({ ok: true, value: { text: 'ABCDE' } });
    expect(tokensOf(again)).toEqual(['E']);
    // Asked once more, the same end comes again and nothing is run or paid.
    expect(await again.call(call)).toMatchObject({ ok: true, value: { text: 'ABCDE' } });
    expect(await redemptions(again.nodeId)).toBe(1);
  });

  it('can cancel over the next connection', async () => {
    const gate = gateAt(1);
    const { asker } = await cooperative(gate.before);
    const call = generate();
    asker.begin(call);
    await asker.next('generate-token');
    asker.drop();
    await asker.untilClosed();
    const again = await connect(asker.key);
    const id = again.begin({ ...call, resume_from: 1 });
    await again.next('generate-started');
    expect((await again.call({ type: 'cancel-generate', request_id: call['request_id'] }))['ok']).toBe(true);
    const reply = await again.next('reply', (message) => message['call_id'] === id);
    expect(reply).toMatchObject({ ok: true, value: { text: 'A', finish_reason: 'cancelled' } });
  });

  it('is refused another question under the same id, and a second run beside the first', async () => {
    const gate = gateAt(1);
    const { asker } = await cooperative(gate.before);
    const call = generate();
    asker.begin(call);
    await asker.next('generate-token');
    const code = async (more: Json): Promise<unknown> =>
      ((await asker.call({ ...call, ...more }))['error'] as Json)['code'];
    expect(await code({})).toBe('request-id-used');
    expect(await code({ prompt: 'another', resume_from: 1 })).toBe('request-id-used');
    gate.open();
  });

  it('is given up after a while, and what was produced is paid for', async () => {
    await target.coordinator.stop();
    target = await startTestCoordinator({ requesterGraceSeconds: 0.05 });
    const { asker, last } = await cooperative((index) => index < 1);
    asker.begin(generate({ max_new_tokens: 50 }));
    await asker.next('generate-token');
    asker.drop();
    expect(await last.next('pipeline-close')).toMatchObject({ reason: 'cancelled' });
    await expect.poll(() => redemptions(asker.nodeId), WITHIN).toBe(1);
  });

  it('begins anew where the coordinator knows nothing of the request', async () => {
    const { asker } = await cooperative(() => true);
    const reply = await asker.call(generate({ resume_from: 3 }));
    expect(reply).toMatchObject({ ok: true, value: { text: 'ABCDE' } });
    expect(await asker.next('generate-started')).not.toHaveProperty('resumed');
    expect(tokensOf(asker)).toEqual(['A', 'B', 'C', 'D', 'E']);
  });
});
