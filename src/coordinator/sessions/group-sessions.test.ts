import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { v7 } from 'uuid';
import { afterEach, describe, expect, it } from 'vitest';
import { SESSION_LIMITS } from '../../protocol/session/limits';
import { SessionClient } from '../testing/session-client';
import { startTestCoordinator, type TestCoordinator } from '../testing/start-coordinator';
import { newTestKey, WsNode } from '../testing/ws-node';

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

describe('a session on its host', () => {
  it('is opened, joined with a code, written in and told live, without any registration', async () => {
    const { url } = await start();
    const ada = await SessionClient.connect(url, 'Ada');
    const sessionId = await ada.create();
    const code = await ada.invite(sessionId);
    const ben = await SessionClient.connect(url, 'Ben');
    const entered = await ben.join(sessionId, code.toUpperCase());
    expect((entered['participants'] as Json[]).map((each) => [each['display_name'], each['role']])).toEqual([
      ['Ada', 'owner'],
      ['Ben', 'member'],
    ]);

    expect(await ada.post(sessionId, ada.turn(sessionId, 'Which assay?'))).toBe(1);
    const told = await ben.socket.next('session-turns');
    const [first] = told['turns'] as Json[];
    expect(first).toMatchObject({ seq: 1, participant_id: ada.participantId, session_id: sessionId });
    const answer = ben.turn(sessionId, 'The binding assay.', { in_reply_to: first?.['id'], follows: first?.['id'] });
    expect(await ben.post(sessionId, answer)).toBe(2);
    expect((await ada.read(sessionId)).map(({ text }) => text)).toEqual(['Which assay?', 'The binding assay.']);
    expect(await ada.ask({ type: 'session-list' })).toMatchObject([{ head: { id: sessionId, last_seq: 2 } }]);
  });

  it('shows presence, typing and streamed pieces, and keeps none of them', async () => {
    const { url } = await start();
    const ada = await SessionClient.connect(url, 'Ada');
    const sessionId = await ada.create();
    const code = await ada.invite(sessionId);
    const ben = await SessionClient.connect(url, 'Ben');
    await ben.join(sessionId, code);
    const isThere = (name: SessionClient, typing: boolean) => (event: Json) =>
      (event['present'] as Json[]).some(
        (each) => each['participant_id'] === name.participantId && each['typing'] === typing,
      );
    await ada.socket.next('session-present', isThere(ben, false));
    ben.socket.send({ type: 'session-typing', session_id: sessionId, typing: true });
    await ada.socket.next('session-present', isThere(ben, true));

    const turnId = v7();
    const piece = { turn_id: turnId, in_reply_to: null, offset: 0, text: 'The bin', state: 'writing' };
    ben.socket.send({ type: 'session-stream', session_id: sessionId, piece });
    expect(await ada.socket.next('session-streamed')).toMatchObject({ participant_id: ben.participantId, piece });
    ben.drop();
    expect(await ada.socket.next('session-streamed')).toMatchObject({ piece: { turn_id: turnId, state: 'failed' } });
    await ada.socket.next('session-present', (event) => (event['present'] as Json[]).length === 1);
    expect(await ada.read(sessionId)).toEqual([]);
  });

  it('counts the calls of a participant, over however many connections they come', async () => {
    const { url } = await start({ rateLimitPerMinute: 10 });
    const key = newTestKey();
    const codes: (string | null)[] = [];
    for (let connections = 0; connections < 2; connections += 1) {
      const ada = await SessionClient.connect(url, 'Ada', key);
      for (let calls = 0; calls < 15; calls += 1) codes.push(await ada.refusal({ type: 'session-list' }));
      ada.drop();
    }
    expect(codes[0]).toBeNull();
    expect(codes.filter((code) => code === 'rate-limited').length).toBeGreaterThan(0);
    expect(new Set(codes)).toEqual(new Set([null, 'rate-limited']));
  });

  it('lets each role do what it may, and tells why not', async () => {
    const { url } = await start();
    const ada = await SessionClient.connect(url, 'Ada');
    const sessionId = await ada.create();
    const watcher = await SessionClient.connect(url, 'Cy');
    await watcher.join(sessionId, await ada.invite(sessionId, 'observer'));
    const ben = await SessionClient.connect(url, 'Ben');
    await ben.join(sessionId, await ada.invite(sessionId));
    const post = (client: SessionClient) => ({
      type: 'session-post',
      session_id: sessionId,
      turn: client.turn(sessionId, 'x'),
    });

    expect(await watcher.refusal(post(watcher))).toBe('role-denied');
    expect(await watcher.read(sessionId)).toEqual([]);
    for (const client of [watcher, ben]) {
      const session = { session_id: sessionId };
      expect(await client.refusal({ type: 'session-change', ...session, status: 'closed' })).toBe('role-denied');
      expect(await client.refusal({ type: 'session-invitations', ...session })).toBe('role-denied');
      const role = { type: 'session-role', ...session, participant_id: client.participantId, role: 'owner' };
      expect(await client.refusal(role)).toBe('role-denied');
    }
    const role = { type: 'session-role', session_id: sessionId, participant_id: watcher.participantId };
    await ada.ask({ ...role, role: 'member' });
    await watcher.ask(post(watcher));
    expect(await ada.refusal({ ...role, participant_id: ada.participantId, role: 'member' })).toBe('role-denied');

    await ada.ask({ ...role, role: null });
    expect(await watcher.socket.next('session-ended')).toMatchObject({ session_id: sessionId });
    expect(await watcher.refusal(post(watcher))).toBe('session-unknown');
    const code = await ada.invite(sessionId);
    expect(await watcher.refusal({ type: 'session-join', session_id: sessionId, me: watcher.me, code })).toBe(
      'invitation-invalid',
    );

    await ada.ask({ type: 'session-change', session_id: sessionId, status: 'closed' });
    await ben.socket.next('session-changed', (event) => (event['head'] as Json | undefined)?.['status'] === 'closed');
    expect(await ben.refusal(post(ben))).toBe('session-closed');
    expect((await ben.read(sessionId)).length).toBe(1);
  });

  it('tells strangers nothing, whatever they ask', async () => {
    const { url } = await start();
    const ada = await SessionClient.connect(url, 'Ada');
    const sessionId = await ada.create();
    await ada.post(sessionId, ada.turn(sessionId, 'secret'));
    const eve = await SessionClient.connect(url, 'Eve');
    const session = { session_id: sessionId };
    const asks: Json[] = [
      { type: 'session-enter', ...session, after_seq: 0 },
      { type: 'session-read', ...session, after_seq: 0 },
      { type: 'session-join', ...session, me: eve.me },
      { type: 'session-costs', ...session },
      { type: 'session-leave', ...session },
      { type: 'session-create', ...session, title: 'Mine', mode: 'live', me: eve.me },
      { type: 'session-post', ...session, turn: eve.turn(sessionId, 'x', { participant_id: ada.participantId }) },
    ];
    for (const ask of asks) expect([ask['type'], await eve.refusal(ask)]).toEqual([ask['type'], 'session-unknown']);
    const wrong = { type: 'session-join', ...session, me: eve.me, code: 'abcd-efgh-jkmn-pqrs' };
    expect(await eve.refusal(wrong)).toBe('invitation-invalid');
    const typing = { type: 'session-typing', ...session, typing: true };
    eve.socket.send(typing);
    expect(await eve.ask({ type: 'session-list' })).toEqual([]);
    expect(eve.socket.messages.filter(({ type }) => String(type).startsWith('session-'))).toEqual([]);
  });

  it('refuses turns that are forged, altered, replayed or addressed elsewhere', async () => {
    const { url } = await start();
    const ada = await SessionClient.connect(url, 'Ada');
    const [sessionId, otherId] = [await ada.create(), await ada.create()];
    const mallory = await SessionClient.connect(url, 'Mallory');
    await mallory.join(sessionId, await ada.invite(sessionId));
    const adasId = ada.participantId;
    await ada.ask({ type: 'session-enter', session_id: sessionId, after_seq: 0 });
    const good = ada.turn(sessionId, 'good');
    const post = (client: SessionClient, turn: Json, id = sessionId) =>
      client.refusal({ type: 'session-post', session_id: id, turn });

    const { signature: _signature, ...unsigned } = good;
    expect(await post(ada, unsigned)).toBe('signature-missing');
    expect(await post(ada, { ...good, content: [{ type: 'text', text: 'bad' }] })).toBe('signature-wrong');
    expect(await post(mallory, good)).toBe('signature-wrong');
    expect(await post(mallory, mallory.turn(sessionId, 'as Ada', { participant_id: adasId }))).toBe('turn-invalid');
    expect(await post(ada, good, otherId)).toBe('turn-invalid');
    expect(await post(ada, { ...good, seq: 9 })).toBe('turn-invalid');
    expect(await post(ada, good)).toBeNull();
    expect(await post(ada, good)).toBeNull();
    expect(await post(ada, ada.signed({ ...good, content: [{ type: 'text', text: 'other' }] }))).toBe('turn-changed');
    expect(await post(mallory, mallory.turn(sessionId, 'x', { id: good['id'] }))).toBe('turn-changed');
    expect(await post(mallory, mallory.turn(sessionId, 'x'.repeat(1_100_000)))).toBe('limit-reached');
    const deep = (levels: number): Json => {
      const value = JSON.parse(`${'['.repeat(levels)}${']'.repeat(levels)}`) as unknown;
      return mallory.turn(sessionId, 'x', { metadata: { value } });
    };
    expect(await post(mallory, deep(SESSION_LIMITS.maxDepth))).toBe('limit-reached');
    expect((await mallory.read(sessionId)).map(({ text }) => text)).toEqual(['good']);
    expect(await post(mallory, deep(SESSION_LIMITS.maxDepth - 2))).toBeNull();
  });

  it('counts the uses of an invitation, and knows its end', async () => {
    const { url } = await start();
    const ada = await SessionClient.connect(url, 'Ada');
    const sessionId = await ada.create();
    const code = await ada.invite(sessionId, 'member', { uses: 1 });
    const [ben, cy] = [await SessionClient.connect(url, 'Ben'), await SessionClient.connect(url, 'Cy')];
    await ben.join(sessionId, code);
    await ben.join(sessionId, code);
    const join = { type: 'session-join', session_id: sessionId, me: cy.me };
    expect(await cy.refusal({ ...join, code })).toBe('invitation-invalid');
    const next = await ada.invite(sessionId);
    const [open] = (await ada.ask({ type: 'session-invitations', session_id: sessionId })) as unknown as Json[];
    await ada.ask({ type: 'session-withdraw', session_id: sessionId, invitation_id: open?.['id'] });
    expect(await cy.refusal({ ...join, code: next })).toBe('invitation-invalid');
    const past = { type: 'session-invite', session_id: sessionId, role: 'member', uses: 1 };
    expect(await ada.refusal({ ...past, expires_at: '2020-01-01T00:00:00Z' })).toBe('invitation-invalid');
    // An invitation opens one session, not another.
    const otherId = await ada.create();
    const third = await ada.invite(sessionId);
    expect(await cy.refusal({ ...join, session_id: otherId, code: third })).toBe('invitation-invalid');
  });

  it('survives its host: after a restart the order goes on where it was', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'tore-sessions-'));
    folders.push(folder);
    const databaseFile = join(folder, 'host.sqlite');
    const first = await start({ databaseFile });
    const ada = await SessionClient.connect(first.url, 'Ada');
    const sessionId = await ada.create();
    const turn = ada.turn(sessionId, 'before');
    expect(await ada.post(sessionId, turn)).toBe(1);
    await first.coordinator.stop();
    running.length = 0;
    const second = await start({ databaseFile });
    const again = await SessionClient.connect(second.url, 'Ada', ada.key);
    const entered = await again.ask({ type: 'session-enter', session_id: sessionId, after_seq: 0 });
    expect(entered['turns']).toHaveLength(1);
    expect(await again.post(sessionId, turn)).toBe(1);
    expect(await again.post(sessionId, again.turn(sessionId, 'after'))).toBe(2);
  });

  it('lets nobody into the sessions of an institution who is no member of it', async () => {
    const { url } = await start({ accessPolicy: 'institution' });
    const stranger = await WsNode.dial(url);
    const hello = await stranger.next('hello');
    stranger.send({
      type: 'authenticate',
      purpose: 'participant',
      public_key: stranger.key.publicKey,
      signature: stranger.proof(String(hello['nonce']), String(hello['coordinator_id'])),
    });
    const refused = await stranger.next('reply');
    expect(refused).toMatchObject({ ok: false, error: { message: expect.stringMatching(/member/i) } });
    expect((await stranger.untilClosed()).code).toBe(4403);
  });

  it('keeps the two purposes of a connection apart', async () => {
    const { url } = await start();
    const key = newTestKey();
    const node = await WsNode.connect(url, key);
    const ada = await SessionClient.connect(url, 'Ada', key);
    expect(await node.call({ type: 'session-list' })).toMatchObject({ ok: false, error: { code: 'message-invalid' } });
    expect(await ada.refusal({ type: 'heartbeat' })).toBe('message-invalid');
    await node.register();
    expect(node.closed).toBeNull();
    expect(await ada.ask({ type: 'session-list' })).toEqual([]);
  });
});
