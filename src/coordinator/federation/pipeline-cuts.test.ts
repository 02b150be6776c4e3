import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { startProxy, type CuttableProxy } from '../testing/cuttable-proxy';
import { grant, PARTY_A, PARTY_B, startPair, type RunningPair } from '../testing/federation-pair';
import { TINY, TINY_SURROUNDINGS, TinyShards, type Answer } from '../testing/layers-of-both';
import { seededNumbers } from '../testing/seeded-numbers';

type Json = Record<string, unknown>;

const WITHIN = { timeout: 30_000 };
const CUTS = 30;
/** Bytes an answer takes over the link from the far side, about. */
const ANSWER_BYTES = 14_000;

let tiny: TinyShards;
let undisturbed: readonly number[];
let pair: RunningPair;
let proxy: CuttableProxy;

beforeAll(async () => {
  tiny = await TinyShards.start();
  undisturbed = await tiny.undisturbed();
}, 60_000);
afterAll(() => tiny.stop());
afterEach(async () => {
  tiny.dropNodes();
  await pair.stop();
  await proxy.close();
});

async function peerOf(side: 'a' | 'b'): Promise<Json> {
  const { body } = await pair.admin(side, 'GET', '/admin/federation');
  return (body['peers'] as Json[])[0] as Json;
}

describe('one pipeline of two coordinators whose link is cut at random moments', () => {
  it('gives the undisturbed answer or a clear end, and both ledgers agree to the last entry', async () => {
    const resources = [grant(PARTY_A.nodeId), grant(PARTY_B.nodeId, { data: 'requester-ends' })];
    pair = await startPair(
      { resources },
      {
        a: TINY,
        b: { ...TINY, tokenEconomy: true },
        surroundings: TINY_SURROUNDINGS,
        wire: async (port) => {
          proxy = await startProxy(port);
          return proxy.url;
        },
      },
    );
    for (const range of [
      [0, 1],
      [6, 7],
    ] as const)
      await tiny.serve(pair.a.url, range);
    for (const range of [
      [2, 3],
      [4, 5],
    ] as const)
      await tiny.serve(pair.b.url, range);
    const user = await tiny.user(pair.a.url);
    const random = seededNumbers(20_261_127);
    const answers: Answer[] = [];
    await expect.poll(async () => (await tiny.ask(user)).reply['ok'], WITHIN).toBe(true);
    while (proxy.cuts < CUTS) {
      await expect.poll(async () => ((await peerOf('a'))['link'] as Json)['state'], WITHIN).toBe('up');
      const before = proxy.cuts;
      proxy.cutAfter(Math.floor(random() * ANSWER_BYTES));
      const several = Array.from({ length: 1 + Math.floor(random() * 3) }, () => tiny.ask(user));
      answers.push(...(await Promise.all(several)));
      // Where the answers were shorter than the number, the cut comes between two requests.
      if (proxy.cuts === before) proxy.cut();
    }
    const answered = answers.filter(({ reply }) => reply['ok'] === true);
    for (const { tokens } of answered) expect(tokens).toEqual(undisturbed);
    const failed = answers.filter(({ reply }) => reply['ok'] !== true);
    for (const { reply, tokens } of failed) {
      expect(['node-lost', 'pipeline-unavailable']).toContain((reply['error'] as Json)['code']);
      expect(reply['error']).toMatchObject({ retryable: true });
      expect(tokens).toEqual([]);
    }
    expect(answered.length).toBeGreaterThan(CUTS / 2);

    for (const side of ['a', 'b'] as const) {
      await expect.poll(async () => (await peerOf(side))['settled'], WITHIN).toMatchObject({ owed: 0, refused: 0 });
      expect((await peerOf(side))['refusals']).toEqual([]);
      expect((await peerOf(side))['traffic']).toMatchObject({ serving: 0, asking: 0 });
    }
    const [atA, atB] = [(await peerOf('a'))['settled'] as Json, (await peerOf('b'))['settled'] as Json];
    expect(atA['consumed']).toEqual(atB['served']);
    // More hops than answers: what was cut off was begun anew.
    expect(Number((atA['consumed'] as Json)['requests'])).toBeGreaterThan(answered.length);
    const { body } = await pair.admin('a', 'POST', '/admin/federation/peers/Coordinator%20B/reconcile');
    expect(body).toMatchObject({ statements: [{ state: 'equal', differences: [] }] });

    const response = await fetch(`${pair.a.url}/tokens/${user.nodeId}/balance`);
    const history = (await (await fetch(`${pair.a.url}/tokens/${user.nodeId}/history?limit=500`)).json()) as Json;
    expect(JSON.stringify(history).match(/"redemption"/g)).toHaveLength(answered.length + 1);
    const [price = 0] = answered.map(({ reply }) => Number((reply['value'] as Json)['gft_deducted']));
    expect(Number(((await response.json()) as Json)['balance'])).toBeCloseTo(10 - price * (answered.length + 1), 4);
  }, 180_000);
});
