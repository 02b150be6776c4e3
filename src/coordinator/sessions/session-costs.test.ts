import { createPrivateKey } from 'node:crypto';
import { copyFile, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { v7 } from 'uuid';
import { afterEach, describe, expect, it } from 'vitest';
import { generateSigner, nodeEd25519 } from '../../keys/ed25519';
import { requestSigner } from '../../node/identity/request-signer';
import { signAgreement } from '../../protocol/signing/sign-document';
import { SESSION_LIMITS } from '../../protocol/session/limits';
import type { Agreement } from '../../protocol/trust/agreement';
import { costOf, SessionClient } from '../testing/session-client';
import { startTestCoordinator, type TestCoordinator } from '../testing/start-coordinator';
import { serveFirst, serveLast, WsNode, type TestKey } from '../testing/ws-node';

type Json = Record<string, unknown>;

const running: TestCoordinator[] = [];
const folders: string[] = [];

async function start(options: Parameters<typeof startTestCoordinator>[0] = {}): Promise<TestCoordinator> {
  const started = await startTestCoordinator(options);
  running.push(started);
  return started;
}

afterEach(async () => {
  for (const { coordinator } of running.splice(0)) await coordinator.stop();
  for (const folder of folders.splice(0)) await rm(folder, { recursive: true, force: true });
});

/** A pipeline of two nodes that answers ABC. */
async function pipeline(url: string, beforeToken?: (index: number) => Promise<boolean>): Promise<void> {
  const [first, last] = [await WsNode.connect(url), await WsNode.connect(url)];
  for (const node of [first, last]) await node.register();
  await first.registerShard(0, 3);
  await last.registerShard(4, 7);
  serveFirst(first);
  serveLast(last, { stopAfter: 3, ...(beforeToken === undefined ? {} : { beforeToken }) });
}

/** Asks the pipeline as a registered node with the key of a participant. */
async function ask(url: string, key: TestKey, more: Json = {}): Promise<Json> {
  const node = await WsNode.connect(url, key);
  if (node.nodeId === '') await node.register();
  const reply = await node.call({
    type: 'generate',
    request_id: v7(),
    model_id: 'org/test-model',
    prompt: 'hello',
    max_new_tokens: 5,
    sampling: { temperature: 0, top_k: 0, top_p: 1 },
    ...more,
  });
  return reply['value'] as Json;
}

describe('what a turn cost', () => {
  it('is taken when the ledger says the same, for this participant, this session and once', async () => {
    const { url, coordinatorId } = await start();
    await pipeline(url);
    const ada = await SessionClient.connect(url, 'Ada');
    const sessionId = await ada.create();
    const ben = await SessionClient.connect(url, 'Ben');
    await ben.join(sessionId, await ada.invite(sessionId));
    const outcome = await ask(url, ada.key, { session_id: sessionId, participant_id: ada.participantId });
    const cost = costOf(outcome, coordinatorId);
    const post = (client: SessionClient, claimed: Json, author = 'model', id = sessionId) =>
      client.refusal({
        type: 'session-post',
        session_id: id,
        turn: client.turn(id, 'ABC', { author, inference_cost: claimed }),
      });
    const lies: Json[] = [
      { ...cost, amount: 0.000001 },
      { ...cost, unit: 'EUR' },
      { ...cost, output_tokens: 2 },
      { ...cost, model_id: 'other' },
      { ...cost, ledger_ref: v7() },
      { ...cost, coordinator_id: 'other' },
      { ...cost, confirmed_at: '2020-01-01T00:00:00Z' },
    ];
    for (const lie of lies) expect([lie, await post(ada, lie)]).toEqual([lie, 'cost-unconfirmed']);
    expect(await post(ada, cost, 'human')).toBe('cost-unconfirmed');
    expect(await post(ben, cost)).toBe('cost-unconfirmed');
    const otherId = await ada.create();
    expect(await post(ada, cost, 'model', otherId)).toBe('cost-unconfirmed');
    await ada.ask({ type: 'session-enter', session_id: sessionId, after_seq: 0 });
    expect(await post(ada, cost)).toBeNull();
    expect(await post(ada, cost)).toBe('cost-unconfirmed');
    expect(await ben.ask({ type: 'session-costs', session_id: sessionId })).toMatchObject([
      { ledger_ref: cost['ledger_ref'], gft: cost['amount'] },
    ]);
  });

  it('comes from one’s own balance: nobody in a session spends what another has', async () => {
    const { url, coordinatorId } = await start();
    await pipeline(url);
    const ada = await SessionClient.connect(url, 'Ada');
    const sessionId = await ada.create();
    const mallory = await SessionClient.connect(url, 'Mallory');
    await mallory.join(sessionId, await ada.invite(sessionId));
    const node = await WsNode.connect(url, ada.key);
    await node.register();
    const body = JSON.stringify({
      node_id: node.nodeId,
      model_id: 'org/test-model',
      prompt: 'hello',
      max_new_tokens: 3,
    });
    const path = '/inference/generate';
    const spend = (headers: Record<string, string>) =>
      fetch(`${url}${path}`, { method: 'POST', body, headers: { 'content-type': 'application/json', ...headers } });
    const signedBy = (client: SessionClient) => {
      const signer = { publicKey: client.key.publicKey, sign: (text: string) => client.sign(text) };
      return requestSigner(signer, coordinatorId)('POST', path, body);
    };
    const balance = async (): Promise<unknown> =>
      ((await (await fetch(`${url}/tokens/${node.nodeId}/balance`)).json()) as Json)['balance'];
    const before = await balance();
    for (const headers of [{}, signedBy(mallory)]) {
      const refused = await spend(headers);
      expect([refused.status, ((await refused.json()) as Json)['code']]).toEqual([403, 'owner-only']);
    }
    expect(await balance()).toBe(before);
    expect((await spend(signedBy(ada))).status).toBe(200);
    expect(await balance()).not.toBe(before);
  });

  it('is counted in the unit of the agreement, by its rate', async () => {
    const { url, coordinatorId } = await start();
    await pipeline(url);
    const own = await SessionClient.connect(url, 'Ada');
    const { signer: partner, pem } = generateSigner();
    const partnerKey: TestKey = { publicKey: partner.publicKey, privateKey: createPrivateKey(pem) };
    const agreement = {
      tore_spec: 'tore-0002',
      type: 'agreement',
      id: v7(),
      parties: [
        { node_id: 'a', public_key: own.key.publicKey, name: 'Ada' },
        { node_id: 'b', public_key: partner.publicKey, name: 'Ben' },
      ],
      governance_mode: 'voluntary',
      handshake_ref: null,
      evidence: [],
      terms: {
        purpose: 'p',
        resources: [],
        cost: { unit: 'node-hours', rate: 1_000 },
        data_handling: 'd',
        effective_at: '2020-01-01T00:00:00Z',
        termination: 't',
      },
      status: 'active',
      metadata: {},
      signatures: [],
    } satisfies Agreement;
    expect(
      await own.refusal({
        type: 'session-create',
        session_id: v7(),
        title: 'T',
        mode: 'live',
        me: own.me,
        agreement,
      }),
    ).toBe('agreement-invalid');
    const signer = { publicKey: own.key.publicKey, sign: (text: string) => own.sign(text) };
    const signedByBoth = (bare: Agreement): Agreement => {
      const byPartner = signAgreement(bare, partner, nodeEd25519);
      const signed = byPartner.ok ? signAgreement(byPartner.value, signer, nodeEd25519) : byPartner;
      if (!signed.ok) throw new Error(signed.error.message);
      return signed.value;
    };
    const deep = JSON.parse(`${'['.repeat(SESSION_LIMITS.maxDepth)}${']'.repeat(SESSION_LIMITS.maxDepth)}`) as unknown;
    expect(
      await own.refusal({
        type: 'session-create',
        session_id: v7(),
        title: 'T',
        mode: 'live',
        me: own.me,
        agreement: signedByBoth({ ...agreement, metadata: { deep } }),
      }),
    ).toBe('agreement-invalid');
    const signed = signedByBoth(agreement);
    const sessionId = await own.create({ agreement: signed });
    const stranger = await SessionClient.connect(url, 'Eve');
    expect(
      await stranger.refusal({
        type: 'session-create',
        session_id: v7(),
        title: 'T',
        mode: 'live',
        me: stranger.me,
        agreement: signed,
      }),
    ).toBe('agreement-invalid');

    // A party joins without a code; a stranger does not even learn that there is a session.
    const ben = await SessionClient.connect(url, 'Ben', partnerKey);
    await ben.join(sessionId);
    expect(await stranger.refusal({ type: 'session-join', session_id: sessionId, me: stranger.me })).toBe(
      'session-unknown',
    );

    const outcome = await ask(url, own.key);
    const gft = Number(outcome['gft_deducted']);
    const turn = (cost: Json) => ({
      type: 'session-post',
      session_id: sessionId,
      turn: own.turn(sessionId, 'ABC', { author: 'model', inference_cost: cost }),
    });
    expect(await own.refusal(turn(costOf(outcome, coordinatorId)))).toBe('cost-unconfirmed');
    const amount = Number((gft * 1_000).toFixed(6));
    expect(await own.refusal(turn(costOf(outcome, coordinatorId, { amount, unit: 'node-hours' })))).toBeNull();
  });

  it('never appears while it is pending, also when the host dies between the work and its settlement', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'tore-sessions-'));
    const after = await mkdtemp(join(tmpdir(), 'tore-sessions-'));
    folders.push(folder, after);
    const { url, coordinatorId } = await start({ databaseFile: join(folder, 'host.sqlite') });
    // What the disk holds in the moment the last token was served and nothing is settled is what a killed host leaves.
    await pipeline(url, async (index) => {
      if (index < 2) return true;
      for (const name of await readdir(folder)) await copyFile(join(folder, name), join(after, name));
      return true;
    });
    const ada = await SessionClient.connect(url, 'Ada');
    const sessionId = await ada.create();
    const outcome = await ask(url, ada.key, { session_id: sessionId, participant_id: ada.participantId });
    const reborn = await start({ databaseFile: join(after, 'host.sqlite') });
    expect(reborn.coordinatorId).toBe(coordinatorId);
    const again = await SessionClient.connect(reborn.url, 'Ada', ada.key);
    const entered = await again.ask({ type: 'session-enter', session_id: sessionId, after_seq: 0 });
    expect(entered['turns']).toEqual([]);
    const turn = again.turn(sessionId, 'ABC', { author: 'model', inference_cost: costOf(outcome, coordinatorId) });
    expect(await again.refusal({ type: 'session-post', session_id: sessionId, turn })).toBe('cost-unconfirmed');
    const { inference_cost: _cost, ...withoutCost } = turn;
    expect(await again.post(sessionId, withoutCost)).toBe(1);
    const page = await again.ask({ type: 'session-read', session_id: sessionId, after_seq: 0 });
    expect(JSON.stringify(page)).not.toContain('inference_cost');
    expect(await again.ask({ type: 'session-costs', session_id: sessionId })).toEqual([]);
  });
});
