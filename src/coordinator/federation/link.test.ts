import { randomUUID } from 'node:crypto';
import { afterEach, describe, expect, it } from 'vitest';
import { withNewKey } from '../../keys/testing/test-party';
import { startTestCoordinator } from '../testing/start-coordinator';
import {
  federationFiles,
  federationOptions,
  grant,
  PARTY_A,
  PARTY_B,
  serveModel,
  startPair,
  terminationOf,
  type RunningPair,
} from '../testing/federation-pair';
import { WsNode } from '../testing/ws-node';

type Json = Record<string, unknown>;

const WITHIN = { timeout: 20_000 };

let pair: RunningPair | null = null;
let nodes: WsNode[] = [];

afterEach(async () => {
  for (const node of nodes) node.drop();
  nodes = [];
  await pair?.stop();
  pair = null;
});

async function peerOf(running: RunningPair, side: 'a' | 'b'): Promise<Json> {
  const { body } = await running.admin(side, 'GET', '/admin/federation');
  return (body['peers'] as Json[])[0] as Json;
}

async function linkOf(running: RunningPair, side: 'a' | 'b'): Promise<Json> {
  return (await peerOf(running, side))['link'] as Json;
}

async function until(running: RunningPair, side: 'a' | 'b', state: string): Promise<void> {
  await expect.poll(async () => (await linkOf(running, side))['state'], WITHIN).toBe(state);
}

/** A user of A with a request under way at B, whose answer stops before its third token until `go` is called. */
async function slowRequest(running: RunningPair): Promise<{ reply: Promise<Json>; user: WsNode; go: () => void }> {
  let go: () => void = () => undefined;
  const gate = new Promise<boolean>((resolve) => {
    go = () => resolve(true);
  });
  nodes.push(...(await serveModel(running.b.url, { beforeToken: (index) => (index < 2 ? true : gate) })));
  await expect
    .poll(async () => ((await peerOf(running, 'a'))['models'] as Json[])[0]?.['available'], WITHIN)
    .toBe(true);
  const user = await WsNode.connect(running.a.url);
  nodes.push(user);
  await user.register();
  const reply = user.call({
    type: 'generate',
    request_id: randomUUID(),
    model_id: 'org/test-model',
    prompt: 'hello',
    max_new_tokens: 5,
    sampling: { temperature: 0, top_k: 0, top_p: 1 },
  });
  await user.next('generate-token', (message) => message['index'] === 1);
  return { reply, user, go };
}

describe('the link', () => {
  it('ends requests with a clear state when an administrator cuts it, stays cut, and comes back when resumed', async () => {
    const running = await startPair();
    pair = running;
    await until(running, 'a', 'up');
    const { reply } = await slowRequest(running);
    const cut = await running.admin('b', 'POST', '/admin/federation/peers/Coordinator%20A/cut');
    expect(cut.body).toMatchObject({ link: { state: 'cut' } });
    expect(await reply).toMatchObject({ ok: false, error: { code: 'peer-lost', retryable: true } });
    await expect.poll(async () => (await linkOf(running, 'a'))['reason'], WITHIN).toContain('has cut the link');
    // What B had produced is settled when the link is back, and the user pays nothing for an answer that was lost.
    await running.admin('b', 'POST', '/admin/federation/peers/Coordinator%20A/resume');
    await until(running, 'b', 'up');
    await expect
      .poll(async () => (await peerOf(running, 'b'))['settled'], WITHIN)
      .toMatchObject({
        served: { requests: 1 },
        owed: 0,
        refused: 0,
      });
    expect((await peerOf(running, 'a'))['settled']).toMatchObject({ consumed: { requests: 1 } });
    const compared = await running.admin('b', 'POST', '/admin/federation/peers/Coordinator%20A/reconcile');
    expect(compared.body).toMatchObject({ statements: [{ state: 'equal', differences: [] }] });
  });

  it('ends at once on both sides when a party terminates the agreement, and does not come back', async () => {
    const running = await startPair();
    pair = running;
    await until(running, 'a', 'up');
    const { reply } = await slowRequest(running);
    // Its key is not the one in the agreement any more.
    const notice = terminationOf(running.files.agreement, '2026-03-01T00:00:00.000Z', withNewKey(PARTY_A, 91));
    const ended = await fetch(`${running.a.url}/federation/terminations`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(notice),
    });
    expect(await ended.json()).toMatchObject({ status: 'ended' });
    expect(await reply).toMatchObject({ ok: false, error: { code: 'peer-lost' } });
    for (const side of ['a', 'b'] as const) {
      await until(running, side, 'barred');
      expect((await linkOf(running, side))['reason']).toContain('terminated');
    }
    const forged = { ...notice, effective_at: '2026-02-01T00:00:00.000Z' };
    const refused = await fetch(`${running.b.url}/federation/terminations`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(forged),
    });
    expect(refused.status).toBe(403);
  });

  it('begins and ends with the agreement', async () => {
    let nowMs = Date.parse('2026-05-31T23:59:59.000Z');
    const running = await startPair(
      { effective_at: '2026-06-01T00:00:00.000Z', expires_at: '2026-07-01T00:00:00.000Z' },
      { surroundings: { clock: { nowMs: () => nowMs } } },
    );
    pair = running;
    await until(running, 'a', 'barred');
    expect((await linkOf(running, 'a'))['reason']).toContain('begins at');
    nowMs = Date.parse('2026-06-01T00:00:00.000Z');
    await until(running, 'a', 'up');
    nowMs = Date.parse('2026-07-01T00:00:00.000Z');
    await until(running, 'a', 'barred');
    await until(running, 'b', 'barred');
    expect((await linkOf(running, 'b'))['reason']).toContain('ended at');
  });

  it('is one link when both connect to each other', async () => {
    const files = await federationFiles();
    const token = { administratorToken: 'administrator-of-the-federation-tests' };
    const other = await startTestCoordinator({ ...token, ...federationOptions(files, 'b', null) });
    const port = Number(new URL(other.url).port);
    const a = await startTestCoordinator({ ...token, ...federationOptions(files, 'a', other.url) });
    await other.coordinator.stop();
    const b = await startTestCoordinator({ ...token, port, ...federationOptions(files, 'b', a.url) });
    const read = async (url: string): Promise<Json> => {
      const response = await fetch(`${url}/admin/federation`, {
        headers: { authorization: `Bearer ${token.administratorToken}` },
      });
      return ((await response.json()) as { peers: Json[] }).peers[0] as Json;
    };
    // Both know the other's offer, which comes over the link that stayed.
    for (const url of [a.url, b.url]) {
      await expect.poll(async () => (await read(url))['models'], WITHIN).toHaveLength(1);
      expect((await read(url))['link']).toMatchObject({ state: 'up' });
    }
    await a.coordinator.stop();
    await b.coordinator.stop();
    await files.remove();
  });
});

describe('a request across the link', () => {
  it('is cancelled where it is served, and settled for what was produced', async () => {
    const running = await startPair();
    pair = running;
    const { user, reply, go } = await slowRequest(running);
    const asked = user.messages.find((message) => message['type'] === 'generate-started');
    await user.call({ type: 'cancel-generate', request_id: asked?.['request_id'] ?? '' });
    go();
    const outcome = (await reply)['value'] as Json;
    expect(outcome).toMatchObject({ backend: 'federated', finish_reason: 'cancelled' });
    await expect
      .poll(async () => (await peerOf(running, 'b'))['settled'], WITHIN)
      .toMatchObject({
        served: { requests: 1, amount: (outcome['federation'] as Json)['amount'] },
        owed: 0,
      });
  });

  it('is refused where it is served when the terms do not cover it, and nothing is charged', async () => {
    const running = await startPair({
      resources: [grant(PARTY_B.nodeId, { max_new_tokens: 3, models: ['org/test-model'] })],
    });
    pair = running;
    nodes.push(...(await serveModel(running.b.url)));
    await expect
      .poll(async () => ((await peerOf(running, 'a'))['models'] as Json[])[0]?.['available'], WITHIN)
      .toBe(true);
    const user = await WsNode.connect(running.a.url);
    nodes.push(user);
    await user.register();
    const ask = (maxNewTokens: number): Promise<Json> =>
      user.call({
        type: 'generate',
        request_id: randomUUID(),
        model_id: 'org/test-model',
        prompt: 'hello',
        max_new_tokens: maxNewTokens,
        sampling: { temperature: 0, top_k: 0, top_p: 1 },
      });
    expect(await ask(4)).toMatchObject({ ok: false, error: { code: 'terms-refused' } });
    expect(await ask(3)).toMatchObject({ ok: true, value: { text: 'ABC' } });
    // A serves nothing under this agreement.
    expect((await peerOf(running, 'b'))['models']).toEqual([]);
    await expect
      .poll(async () => ((await peerOf(running, 'b'))['refusals'] as Json[]).map(({ code }) => code), WITHIN)
      .toContain('terms-tokens');
  });
});
