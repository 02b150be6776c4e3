import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { serveModel, startPair, type RunningPair } from '../testing/federation-pair';
import { WsNode } from '../testing/ws-node';

type Json = Record<string, unknown>;

/** Generous, for machines that are busy with other things. */
const WITHIN = { timeout: 20_000 };

let pair: RunningPair;
let nodes: WsNode[] = [];

beforeEach(async () => {
  pair = await startPair();
});
afterEach(async () => {
  for (const node of nodes) node.drop();
  nodes = [];
  await pair.stop();
});

function generateCall(more: Json = {}): Json {
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

async function userOfA(): Promise<WsNode> {
  const user = await WsNode.connect(pair.a.url);
  nodes.push(user);
  await user.register();
  return user;
}

async function peerOf(side: 'a' | 'b'): Promise<Json> {
  const { body } = await pair.admin(side, 'GET', '/admin/federation');
  return (body['peers'] as Json[])[0] as Json;
}

async function untilOffered(): Promise<void> {
  await expect
    .poll(async () => ((await peerOf('a'))['models'] as Json[]).map(({ available }) => available), WITHIN)
    .toEqual([true]);
}

describe('a link of two coordinators', () => {
  it('stands under the agreement both hold, which both record', async () => {
    for (const side of ['a', 'b'] as const) {
      await expect.poll(async () => ((await peerOf(side))['link'] as Json)['state'], WITHIN).toBe('up');
      const peer = await peerOf(side);
      expect(peer['agreement']).toMatchObject({ id: pair.files.agreement.id, unit: 'node-hours', rate: 2 });
    }
  });

  it('answers a user of A with the model of B, and settles once on both sides', async () => {
    nodes.push(...(await serveModel(pair.b.url)));
    await untilOffered();
    const user = await userOfA();
    const reply = await user.call(generateCall());
    expect(reply).toMatchObject({
      ok: true,
      value: {
        text: 'ABCDE',
        tokens: 5,
        input_tokens: 5,
        backend: 'federated',
        pipeline: [],
        federation: { coordinator: 'Coordinator B', agreement_id: pair.files.agreement.id, unit: 'node-hours' },
      },
    });
    const outcome = reply['value'] as Json;
    const federation = outcome['federation'] as Json;
    expect(federation['amount']).toBeCloseTo(2 * Number(outcome['gft_deducted']), 6);
    expect(outcome['new_balance']).toBeCloseTo(10 - Number(outcome['gft_deducted']), 6);
    await expect.poll(async () => ((await peerOf('b'))['settled'] as Json)['owed'], WITHIN).toBe(0);
    expect((await peerOf('b'))['settled']).toMatchObject({ served: { requests: 1, amount: federation['amount'] } });
    expect((await peerOf('a'))['settled']).toMatchObject({ consumed: { requests: 1, amount: federation['amount'] } });
    const compared = await pair.admin('a', 'POST', '/admin/federation/peers/Coordinator%20B/reconcile');
    expect(compared.body).toMatchObject({
      statements: [
        {
          state: 'equal',
          differences: [],
          statement: {
            entries: [{ consumer_ref: federation['entry_ref'], server_ref: federation['peer_ledger_ref'] }],
          },
        },
      ],
    });
    const history = await (await fetch(`${pair.a.url}/tokens/${user.nodeId}/history`)).text();
    expect(history).toContain(String(federation['peer_ledger_ref']));
  });
});
