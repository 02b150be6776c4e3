import { randomUUID } from 'node:crypto';
import { afterEach, describe, expect, it } from 'vitest';
import { nodeCryptography } from '../../keys/ed25519';
import { checkStatementAgreement, readFederationStatement } from '../../protocol/federation/statement';
import { startProxy, type CuttableProxy } from '../testing/cuttable-proxy';
import { federationFiles, federationOptions, serveModel, type FederationFiles } from '../testing/federation-pair';
import { seededNumbers } from '../testing/seeded-numbers';
import { startTestCoordinator, type TestCoordinator } from '../testing/start-coordinator';
import { WsNode } from '../testing/ws-node';

type Json = Record<string, unknown>;

const WITHIN = { timeout: 30_000 };
const CUTS = 50;
const TOKEN = 'administrator-of-the-tests-of-cuts';
const DAY_MS = 86_400_000;
/** Bytes an answer of the test takes over the link, about. */
const ANSWER_BYTES = 4_000;

let files: FederationFiles;
let a: TestCoordinator;
let b: TestCoordinator;
let proxy: CuttableProxy;
let nodes: WsNode[] = [];

afterEach(async () => {
  for (const node of nodes) node.drop();
  nodes = [];
  await a.coordinator.stop();
  await b.coordinator.stop();
  await proxy.close();
  await files.remove();
});

async function admin(of: TestCoordinator, path: string, method = 'GET'): Promise<Json> {
  const response = await fetch(`${of.url}/admin/federation${path}`, {
    method,
    headers: { authorization: `Bearer ${TOKEN}` },
  });
  return (await response.json()) as Json;
}

async function peerOf(of: TestCoordinator): Promise<Json> {
  return ((await admin(of, ''))['peers'] as Json[])[0] as Json;
}

describe('a link that is cut at random moments', () => {
  it('settles every request once on both sides, to the last entry, and both sign the day', async () => {
    // The clock goes as ever, from the noon of a day.
    let offsetMs = Date.parse('2026-03-01T12:00:00.000Z') - Date.now();
    const clock = { nowMs: () => Date.now() + offsetMs };
    files = await federationFiles();
    b = await startTestCoordinator({ administratorToken: TOKEN, ...federationOptions(files, 'b', null) }, { clock });
    proxy = await startProxy(b.port);
    a = await startTestCoordinator(
      { administratorToken: TOKEN, modelFolders: [], ...federationOptions(files, 'a', proxy.url) },
      { clock },
    );
    nodes = [...(await serveModel(b.url))];
    const user = await WsNode.connect(a.url);
    nodes.push(user);
    await user.register();
    const isUp = async (): Promise<unknown> => ((await peerOf(a))['models'] as Json[])[0]?.['available'];
    const ask = (): Promise<Json> =>
      user.call({
        type: 'generate',
        request_id: randomUUID(),
        model_id: 'org/test-model',
        prompt: 'hello',
        max_new_tokens: 12,
        sampling: { temperature: 0, top_k: 0, top_p: 1 },
      });
    const random = seededNumbers(20_260_301);
    const replies: Json[] = [];
    while (proxy.cuts < CUTS) {
      await expect.poll(isUp, WITHIN).toBe(true);
      const before = proxy.cuts;
      proxy.cutAfter(Math.floor(random() * ANSWER_BYTES));
      replies.push(...(await Promise.all(Array.from({ length: 1 + Math.floor(random() * 3) }, ask))));
      // Where the answers were shorter than the number, the cut comes between two requests.
      if (proxy.cuts === before) proxy.cut();
    }
    await expect.poll(isUp, WITHIN).toBe(true);
    for (const side of [a, b]) {
      await expect.poll(async () => (await peerOf(side))['settled'], WITHIN).toMatchObject({ owed: 0, refused: 0 });
    }
    const [atA, atB] = [(await peerOf(a))['settled'] as Json, (await peerOf(b))['settled'] as Json];
    expect(atA['consumed']).toEqual(atB['served']);
    const answered = replies.filter(({ ok }) => ok === true);
    const lost = replies.filter(({ ok }) => ok === false);
    // Some were cut off, and some found no link.
    expect(['peer-lost', 'peer-unavailable']).toEqual(
      expect.arrayContaining([...new Set(lost.map(({ error }) => (error as Json)['code']))]),
    );
    expect([answered.length > 0, lost.length > 0]).toEqual([true, true]);

    // Who got an answer paid for it once; who lost one paid nothing.
    const balance = (await (await fetch(`${a.url}/tokens/${user.nodeId}/balance`)).json()) as Json;
    const paid = answered.reduce((sum, { value }) => sum + Number((value as Json)['gft_deducted']), 0);
    expect(Number(balance['balance'])).toBeCloseTo(10 - paid, 5);

    const compared = (await admin(a, '/peers/Coordinator%20B/reconcile', 'POST'))['statements'] as Json[];
    expect(compared).toMatchObject([{ state: 'equal', differences: [] }]);
    const ofToday = (compared[0] as Json)['statement'] as Json;
    expect(ofToday['entries']).toHaveLength(Number((atA['consumed'] as Json)['requests']));

    // The day ends; the coordinator whose key comes first makes the statement, and both have it with both signatures.
    offsetMs += DAY_MS;
    for (const [side, name] of [
      [a, 'Coordinator%20B'],
      [b, 'Coordinator%20A'],
    ] as const) {
      const statements = async (): Promise<Json[]> =>
        (await admin(side, `/peers/${name}/statements?day=2026-03-01`))['statements'] as Json[];
      await expect.poll(async () => (await statements()).map(({ state }) => state), WITHIN).toEqual(['signed']);
      const [kept] = await statements();
      const read = readFederationStatement(kept?.['statement'], nodeCryptography);
      if (!read.ok) throw new Error(read.error.message);
      expect(read.value.signedBy).toHaveLength(2);
      expect(checkStatementAgreement(read.value.statement, files.agreement, nodeCryptography).ok).toBe(true);
      expect(read.value.statement.totals).toMatchObject([{ requests: (atA['consumed'] as Json)['requests'] }]);
    }
  }, 60_000);
});
