import { v7 } from 'uuid';
import { afterEach, describe, expect, it } from 'vitest';
import { nodeEd25519 } from '../../keys/ed25519';
import { requestSigner } from '../../node/identity/request-signer';
import { readDocument } from '../../protocol/documents/read-document';
import type { GroupSession } from '../../protocol/session/session';
import { verifySession } from '../../protocol/signing/verify-document';
import { serveModel, startPair, type RunningPair } from '../testing/federation-pair';
import { call, callAt } from '../testing/foreign-client';
import { costOf, SessionClient } from '../testing/session-client';
import type { TestCoordinator } from '../testing/start-coordinator';
import { newTestKey, WsNode } from '../testing/ws-node';

type Json = Record<string, unknown>;

const WITHIN = { timeout: 20_000 };

/** Ada is of A, Ben and Bea are of B; Eve is of nobody. */
const KEYS = { ada: newTestKey(), ann: newTestKey(), ben: newTestKey(), bea: newTestKey() };
const PEOPLE = { a: [KEYS.ada.publicKey, KEYS.ann.publicKey], b: [KEYS.ben.publicKey, KEYS.bea.publicKey] };

let pair: RunningPair | null = null;
const people: { drop(): void }[] = [];

afterEach(async () => {
  for (const one of people.splice(0)) one.drop();
  await pair?.stop();
  pair = null;
});

async function start(options: Parameters<typeof startPair>[1] = {}): Promise<RunningPair> {
  pair = await startPair({}, { people: PEOPLE, ...options });
  return pair;
}

async function person(url: string, name: string, key = newTestKey()): Promise<SessionClient> {
  const client = await SessionClient.connect(url, name, key);
  people.push(client);
  return client;
}

async function untilOffered(client: SessionClient, sessionId: string): Promise<void> {
  await expect
    .poll(
      async () => ((await client.ask({ type: 'session-offers' })) as unknown as Json[]).map((one) => one['session_id']),
      WITHIN,
    )
    .toContain(sessionId);
}

const textsOf = async (client: SessionClient, sessionId: string): Promise<string[]> =>
  (await client.read(sessionId)).map(({ seq, text }) => `${seq} ${text}`);

/** The session as a person reads it over HTTP from a coordinator. */
async function exported(of: TestCoordinator, client: SessionClient, sessionId: string): Promise<GroupSession> {
  callAt(of.url);
  const signer = { publicKey: client.key.publicKey, sign: (text: string) => client.sign(text) };
  const path = `/sessions/${sessionId}`;
  const page = await call('GET', path, undefined, requestSigner(signer, of.coordinatorId)('GET', path, ''));
  const read = readDocument(JSON.stringify(page.body['session']));
  if (!read.ok || read.value.kind !== 'session') throw new Error(JSON.stringify(page.body));
  return read.value.document;
}

describe('a session across a link', () => {
  it('is offered at the other side to its people alone, joined through their own coordinator, and written by both', async () => {
    const { a, b, files } = await start();
    const ben = await person(b.url, 'Ben', KEYS.ben);
    const ada = await person(a.url, 'Ada', KEYS.ada);
    const eve = await person(a.url, 'Eve');
    const sessionId = await ben.create({ agreement: files.agreement });
    const offered = await ada.socket.next('session-offered');
    expect(offered['offer']).toMatchObject({
      session_id: sessionId,
      opened_by: 'Ben',
      agreement_ref: files.agreement.id,
    });
    expect(await eve.ask({ type: 'session-offers' })).toEqual([]);
    expect(await eve.refusal({ type: 'session-join', session_id: sessionId, me: eve.me })).toBe('session-unknown');

    const entered = await ada.join(sessionId);
    expect(entered['head']).toMatchObject({ id: sessionId, coordinator_id: b.coordinatorId });
    expect(await ada.ask({ type: 'session-offers' })).toEqual([]);
    expect(await ada.ask({ type: 'session-list' })).toMatchObject([
      { head: { id: sessionId }, role: 'member', participants: 2 },
    ]);

    const first = ben.turn(sessionId, 'From B');
    expect(await ben.post(sessionId, first)).toBe(1);
    expect(await ada.socket.next('session-turns')).toMatchObject({ turns: [{ seq: 1, id: first['id'] }] });
    expect(await ada.post(sessionId, ada.turn(sessionId, 'From A', { follows: first['id'] }))).toBe(2);
    expect(await ben.socket.next('session-turns', ({ turns }) => (turns as Json[])[0]?.['seq'] === 2)).toBeDefined();
    const all = ['1 From B', '2 From A'];
    expect([await textsOf(ada, sessionId), await textsOf(ben, sessionId)]).toEqual([all, all]);
    // Each reads the same document over HTTP from the own coordinator.
    const [atA, atB] = [await exported(a, ada, sessionId), await exported(b, ben, sessionId)];
    expect(atA.turns).toEqual(atB.turns);
    expect(verifySession(atA, nodeEd25519)).toMatchObject({ ok: true, value: { signatures: 2 } });
    expect(atA.host.coordinator_id).toBe(b.coordinatorId);
  });

  it('shows who is there and who writes, and lets go of whoever the owner takes out', async () => {
    const { a, b, files } = await start();
    const ben = await person(b.url, 'Ben', KEYS.ben);
    const sessionId = await ben.create({ agreement: files.agreement });
    const ada = await person(a.url, 'Ada', KEYS.ada);
    await untilOffered(ada, sessionId);
    await ada.join(sessionId);
    ada.socket.send({ type: 'session-typing', session_id: sessionId, typing: true });
    await ben.socket.next('session-present', ({ present }) =>
      (present as Json[]).some((one) => one['participant_id'] === ada.participantId && one['typing'] === true),
    );
    const profile = { type: 'session-profile', session_id: sessionId, display_name: 'Ada of A', model: null };
    expect(await ada.ask(profile)).toMatchObject({ display_name: 'Ada of A' });
    await ben.ask({ type: 'session-role', session_id: sessionId, participant_id: ada.participantId, role: null });
    expect(await ada.socket.next('session-ended')).toMatchObject({
      message: 'The owner took you out of this session.',
    });
    await expect
      .poll(() => ada.refusal({ type: 'session-read', session_id: sessionId, after_seq: 0 }), WITHIN)
      .toBe('session-unknown');
    expect(await ada.ask({ type: 'session-list' })).toEqual([]);
  });

  it('records what an answer cost once the ledger of the side that served has confirmed it, and nothing else', async () => {
    const { a, b, files, admin } = await start();
    people.push(...(await serveModel(b.url)));
    const ben = await person(b.url, 'Ben', KEYS.ben);
    const sessionId = await ben.create({ agreement: files.agreement });
    const ada = await person(a.url, 'Ada', KEYS.ada);
    await untilOffered(ada, sessionId);
    await ada.join(sessionId);
    const node = await WsNode.connect(a.url, KEYS.ada);
    people.push(node);
    await node.register();
    const isOffered = async (): Promise<unknown> => {
      const { body } = await admin('a', 'GET', '/admin/federation');
      const [peer] = body['peers'] as Json[];
      return ((peer?.['models'] ?? []) as Json[])[0]?.['available'];
    };
    await expect.poll(isOffered, WITHIN).toBe(true);
    const outcome = await node.call({
      type: 'generate',
      request_id: v7(),
      model_id: 'org/test-model',
      prompt: 'hello',
      max_new_tokens: 5,
      sampling: { temperature: 0, top_k: 0, top_p: 1 },
    });
    const answer = outcome['value'] as Json;
    // The agreement counts two of its unit for one GFT.
    const amount = Number((Number(answer['gft_deducted']) * 2).toFixed(6));
    const cost = costOf(answer, a.coordinatorId, { amount, unit: 'node-hours' });
    expect(amount).toBeGreaterThan(0);
    const post = (inferenceCost: Json) => ({
      type: 'session-post',
      session_id: sessionId,
      turn: ada.turn(sessionId, 'ABC', { author: 'model', inference_cost: inferenceCost }),
    });
    const lies: Json[] = [
      { ...cost, amount: amount / 2 },
      { ...cost, unit: 'GFT' },
      { ...cost, output_tokens: 4_000 },
      { ...cost, ledger_ref: v7() },
      { ...cost, coordinator_id: b.coordinatorId },
      { ...cost, coordinator_id: 'somebody-else' },
    ];
    for (const lie of lies) expect(await ada.refusal(post(lie))).toBe('cost-unconfirmed');
    expect(await ada.ask(post(cost))).toEqual({ seq: 1 });
    // One entry stands behind one turn, also of a session at the own coordinator.
    expect(await ada.refusal(post(cost))).toBe('cost-unconfirmed');
    const own = await SessionClient.connect(a.url, 'Ada', KEYS.ada);
    people.push(own);
    const ownId = await own.create();
    const spent = own.turn(ownId, 'ABC', { author: 'model', inference_cost: costOf(answer, a.coordinatorId) });
    expect(await own.refusal({ type: 'session-post', session_id: ownId, turn: spent })).toBe('cost-unconfirmed');
    const costs = (await ben.ask({ type: 'session-costs', session_id: sessionId })) as unknown as Json[];
    expect(costs).toMatchObject([
      { ledger_ref: cost['ledger_ref'], gft: answer['gft_deducted'], coordinator_id: a.coordinatorId },
    ]);
    expect(await ada.ask({ type: 'session-costs', session_id: sessionId })).toEqual(costs);
    const page = await ben.ask({ type: 'session-read', session_id: sessionId, after_seq: 0 });
    expect(page['turns']).toMatchObject([{ inference_cost: { coordinator_id: a.coordinatorId, amount } }]);
  });
});
