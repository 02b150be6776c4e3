import { randomUUID } from 'node:crypto';
import { v7 } from 'uuid';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { generateSigner, nodeCryptography } from '../../keys/ed25519';
import type { Signer } from '../../protocol/signing/ed25519';
import { signStatement } from '../../protocol/trust/statement';
import { agreementHash } from '../../protocol/trust/termination';
import { federationFiles, federationOptions, terminationOf, type FederationFiles } from '../testing/federation-pair';
import { ForeignPeer, honestGreeting } from '../testing/foreign-peer';
import { SessionClient } from '../testing/session-client';
import { startTestCoordinator, type TestCoordinator } from '../testing/start-coordinator';
import { newTestKey } from '../testing/ws-node';

/*
 * One real coordinator, B, with two peers, A and C, both played by a program that keeps to nothing. Whatever it tries in the
 * sessions of B is refused, and B's administrator finds the reason.
 */

type Json = Record<string, unknown>;

const WITHIN = { timeout: 20_000 };
const TOKEN = 'administrator-of-the-hostile-session-tests';
const BEN = newTestKey();
const GUEST = newTestKey();

let files: FederationFiles;
let filesOfC: FederationFiles;
let target: TestCoordinator;
let ben: SessionClient;
let sessionId: string;
let peers: ForeignPeer[] = [];
/** The time at which the coordinator's clock stands still; null while it goes. */
let stoppedAtMs: number | null = null;

beforeEach(async () => {
  const people = { b: [BEN.publicKey] };
  files = await federationFiles({}, undefined, people);
  filesOfC = await federationFiles({}, { b: files.b, id: 'agreement-of-c-and-b' }, people);
  const [a, c] = [files, filesOfC].map((one) => federationOptions(one, 'b', null).federation.peers[0]);
  const federation = {
    keyFile: files.b.keyFile,
    retrySeconds: 1,
    peers: [
      { ...(a as NonNullable<typeof a>), name: 'A' },
      { ...(c as NonNullable<typeof c>), name: 'C' },
    ],
  };
  stoppedAtMs = null;
  const clock = { nowMs: (): number => stoppedAtMs ?? Date.now() };
  target = await startTestCoordinator({ administratorToken: TOKEN, federation }, { clock });
  ben = await SessionClient.connect(target.url, 'Ben', BEN);
  sessionId = await ben.create({ agreement: files.agreement });
});
afterEach(async () => {
  ben.drop();
  for (const peer of peers) peer.drop();
  peers = [];
  await target.coordinator.stop();
  await files.remove();
  await filesOfC.remove();
});

async function link(of = files): Promise<ForeignPeer> {
  const hash = agreementHash(of.agreement, nodeCryptography);
  if (!hash.ok) throw new Error(hash.error.message);
  const greeting = honestGreeting(of.a.signer, { id: of.agreement.id, hash: hash.value });
  const { peer, stands } = await ForeignPeer.link(target.url, greeting);
  peers.push(peer);
  expect(stands).toBe(true);
  return peer;
}

async function refusals(name = 'A'): Promise<unknown[]> {
  const response = await fetch(`${target.url}/admin/federation`, { headers: { authorization: `Bearer ${TOKEN}` } });
  const found = ((await response.json()) as { peers: Json[] }).peers.find((peer) => peer['name'] === name);
  return ((found?.['refusals'] ?? []) as Json[]).map(({ code }) => code);
}

async function expectReason(code: string, name = 'A'): Promise<void> {
  await expect.poll(() => refusals(name), WITHIN).toContain(code);
}

const at = (offsetMs: number): string => new Date(Date.now() + offsetMs).toISOString();

function credential(changes: Json = {}, signer: Signer = files.a.signer): Json {
  const signed = signStatement(
    {
      tore_spec: 'tore-0002',
      type: 'session-credential',
      agreement_id: files.agreement.id,
      session_id: sessionId,
      issued_by: signer.publicKey,
      public_key: GUEST.publicKey,
      display_name: 'Guest',
      issued_at: at(-1_000),
      expires_at: at(1_800_000),
      ...changes,
    },
    signer,
    nodeCryptography,
  );
  return { ...signed };
}

const vouch = (peer: ForeignPeer, shown: Json, id = sessionId): void =>
  peer.send({ type: 'session-vouch', session_id: id, credential: shown });

let lastCall = 0;

async function call(peer: ForeignPeer, carried: Json, key = GUEST.publicKey, more: Json = {}): Promise<Json> {
  const id = (lastCall += 1);
  peer.send({
    type: 'session-call',
    call_id: id,
    public_key: key,
    call: { session_id: sessionId, ...carried },
    ...more,
  });
  return (await peer.next('session-reply', (message) => message['call_id'] === id))['result'] as Json;
}

const me = { display_name: 'Guest', platform: 'test', model: null };
const join = (peer: ForeignPeer, key = GUEST.publicKey): Promise<Json> => call(peer, { type: 'session-join', me }, key);
const codeOf = (result: Json): unknown => (result['error'] as Json | undefined)?.['code'] ?? null;

describe('a hostile home coordinator', () => {
  it('gets nobody in with a credential that is forged, another’s, for something else, or out of its time', async () => {
    const peer = await link();
    expect(codeOf(await join(peer))).toBe('session-unvouched');
    const cases: [Json, string][] = [
      [{ ...credential(), display_name: 'Somebody else' }, 'credential-invalid'],
      [credential({}, filesOfC.a.signer), 'credential-foreign'],
      [credential({}, generateSigner().signer), 'credential-foreign'],
      [credential({ session_id: v7() }), 'credential-session'],
      [credential({ agreement_id: filesOfC.agreement.id }), 'credential-agreement'],
      [credential({ agreement_id: 'no-such-agreement' }), 'credential-agreement'],
      [credential({ expires_at: at(-500) }), 'credential-expired'],
      [credential({ issued_at: at(600_000), expires_at: at(1_200_000) }), 'credential-expired'],
      [credential({ expires_at: at(7_200_000) }), 'credential-too-long'],
    ];
    for (const [shown, code] of cases) {
      vouch(peer, shown);
      expect((await peer.next('session-unvouched'))['code']).toBe(code);
      expect(codeOf(await join(peer))).toBe('session-unvouched');
      await expectReason(code);
    }
    vouch(peer, credential());
    expect((await join(peer))['ok']).toBe(true);
  });

  it('answers for nobody who came in by themselves, over another link, or under another name', async () => {
    const peer = await link();
    vouch(peer, credential({ public_key: BEN.publicKey, display_name: 'Ben' }));
    expect(codeOf(await call(peer, { type: 'session-read', after_seq: 0 }, BEN.publicKey))).toBe('credential-foreign');
    expect(codeOf(await call(peer, { type: 'session-change', status: 'closed' }, BEN.publicKey))).toBe(
      'credential-foreign',
    );
    await expectReason('credential-foreign');
    vouch(peer, credential({ display_name: 'Guest of A' }));
    expect(codeOf(await join(peer))).toBe('credential-name');
    await expectReason('credential-name');
    expect((await ben.ask({ type: 'session-list' })) as unknown).toMatchObject([{ head: { status: 'open' } }]);
  });

  it('reaches no session of a third party', async () => {
    const peer = await link(filesOfC);
    expect((await peer.next('session-hosted'))['offers']).toEqual([]);
    vouch(peer, credential({ agreement_id: filesOfC.agreement.id }, filesOfC.a.signer));
    expect(codeOf(await join(peer))).toBe('session-unknown');
    await expectReason('session-unknown', 'C');
  });

  it('cannot make a turn nobody signed, nor a cost no ledger has booked', async () => {
    const peer = await link();
    vouch(peer, credential());
    const entered = (await join(peer))['value'] as Json;
    const writer = await SessionClient.connect(target.url, 'Guest', GUEST);
    writer.participantId = String(entered['participant_id']);
    const turn = writer.turn(sessionId, 'Signed', { author: 'model' });
    writer.drop();
    const forged = { ...turn, content: [{ type: 'text', text: 'Changed' }] };
    expect(codeOf(await call(peer, { type: 'session-post', turn: forged }))).toBe('signature-wrong');
    const cost = {
      amount: 1,
      unit: 'node-hours',
      model_id: 'm',
      coordinator_id: 'coordinator-of-a',
      input_tokens: 1,
      output_tokens: 1,
      ledger_ref: 'entry',
      confirmed_at: at(-1_000),
    };
    const priced = { ...turn, inference_cost: cost };
    const { amount: _amount, unit: _unit, ...facts } = cost;
    const confirmation = (changes: Json): Json => ({
      ...signStatement(
        {
          tore_spec: 'tore-0002',
          type: 'session-cost',
          agreement_id: files.agreement.id,
          session_id: sessionId,
          turn_id: turn['id'],
          issued_by: files.a.signer.publicKey,
          public_key: GUEST.publicKey,
          gft: 0.5,
          entry_hash: 'a'.repeat(64),
          ...facts,
          ...changes,
        },
        files.a.signer,
        nodeCryptography,
      ),
    });
    const post = { type: 'session-post', turn: priced };
    expect(codeOf(await call(peer, post))).toBe('cost-unconfirmed');
    for (const changes of [
      { turn_id: v7() },
      { public_key: BEN.publicKey },
      { coordinator_id: target.coordinatorId },
    ]) {
      const more = { confirmation: confirmation(changes) };
      expect(codeOf(await call(peer, post, GUEST.publicKey, more))).toBe('cost-unconfirmed');
    }
    await expectReason('cost-foreign');
    const other = { confirmation: confirmation({ gft: 0.4 }) };
    expect(codeOf(await call(peer, post, GUEST.publicKey, other))).toBe('cost-unconfirmed');
    const fitting = await call(peer, post, GUEST.publicKey, { confirmation: confirmation({}) });
    expect(fitting).toMatchObject({ ok: true, value: { seq: 1 } });
  });

  it('is held up when it floods', async () => {
    const peer = await link();
    vouch(peer, credential());
    await join(peer);
    stoppedAtMs = Date.now();
    for (let index = 0; index < 4_000; index += 1) {
      peer.send({
        type: 'session-signal',
        public_key: GUEST.publicKey,
        signal: { type: 'session-typing', session_id: sessionId, typing: index % 2 === 0 },
      });
    }
    await expectReason('session-flood');
    expect(await ben.post(sessionId, ben.turn(sessionId, 'The session goes on'))).toBe(1);
  });

  it('fills no memory when it reads nothing, and is told to read on once it does', async () => {
    const peer = await link();
    vouch(peer, credential());
    await join(peer);
    peer.socket.pause();
    const text = 'x'.repeat(900_000);
    const count = 40;
    for (let index = 0; index < count; index += 1) await ben.post(sessionId, ben.turn(sessionId, text));
    peer.socket.resume();
    await peer.next('session-behind', (message) => message['session_id'] === sessionId);
    expect(peer.messages.filter(({ type }) => type === 'session-told').length).toBeLessThan(count);
    const read = await call(peer, { type: 'session-read', after_seq: count - 1 });
    expect(read).toMatchObject({ ok: true, value: { last_seq: count } });
  });

  it('goes on with nothing once the agreement was ended', async () => {
    const peer = await link();
    vouch(peer, credential());
    await join(peer);
    const notice = terminationOf(files.agreement, '2026-03-01T00:00:00.000Z');
    await fetch(`${target.url}/federation/terminations`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(notice),
    });
    expect((await peer.untilClosed()).code).toBe(4403);
    const again = await ForeignPeer.link(target.url, {
      ...honestGreeting(files.a.signer, { id: files.agreement.id, hash: '0'.repeat(64) }),
    });
    peers.push(again.peer);
    expect(again.stands).toBe(false);
    await expectReason('peer-barred');
  });
});

describe('a hostile host', () => {
  it('can put no session in the place of another, and tell nothing of one it does not host', async () => {
    const peer = await link();
    const offer = {
      session_id: sessionId,
      title: 'Mine now',
      mode: 'live',
      agreement_ref: files.agreement.id,
      opened_by: 'Eve',
      created_at: at(0),
    };
    const offers = [offer, { ...offer, session_id: v7(), agreement_ref: filesOfC.agreement.id }];
    peer.send({ type: 'session-hosted', offers });
    await expectReason('session-foreign');
    const told = { type: 'session-ended', session_id: sessionId, message: 'Go away.' };
    peer.send({ type: 'session-told', session_id: sessionId, public_keys: [BEN.publicKey], event: told });
    expect(await ben.post(sessionId, ben.turn(sessionId, 'Still mine'))).toBe(1);
    expect(ben.socket.messages.some(({ type }) => type === 'session-ended')).toBe(false);
  });

  it('is read on from where it left something out, and found out when it gives a number twice', async () => {
    const peer = await link();
    const id = v7();
    const offer = { session_id: id, title: 'Of A', mode: 'live', agreement_ref: files.agreement.id, opened_by: 'Ada' };
    peer.send({ type: 'session-hosted', offers: [{ ...offer, created_at: at(0) }] });
    await ben.socket.next('session-offered', (message) => message['session_id'] === id);

    const participant = { id: v7(), display_name: 'Ben', platform: 'test', role: 'member', public_key: BEN.publicKey };
    const turnOf = (seq: number, turnId = v7()): Json => ({
      id: turnId,
      seq,
      participant_id: participant.id,
      author: 'human',
      created_at: at(0),
      content: [{ type: 'text', text: `turn ${seq}` }],
    });
    const turns = [turnOf(1), turnOf(2), turnOf(3)];
    const head = {
      id,
      title: 'Of A',
      mode: 'live',
      status: 'open',
      coordinator_id: 'coordinator-of-a',
      agreement_ref: files.agreement.id,
      cost_unit: 'node-hours',
      cost_rate: 2,
      created_at: at(0),
      updated_at: at(0),
      last_seq: 0,
    };
    const calls: Json[] = [];
    peer.behave((message) => {
      if (message['type'] !== 'session-call') return;
      const carried = message['call'] as Json;
      calls.push(carried);
      const after = Number(carried['after_seq'] ?? 0);
      const entered = {
        head,
        participant_id: participant.id,
        participants: [{ ...participant, joined_at: at(0) }],
        turns: [],
        present: [],
        agreement: files.agreement,
      };
      const value =
        carried['type'] === 'session-read' ? { turns: turns.slice(after), last_seq: turns.length } : entered;
      peer.send({ type: 'session-reply', call_id: message['call_id'], result: { ok: true, value } });
    });
    const ask = (message: Json): Promise<Json> => ben.ask({ session_id: id, ...message });
    await ask({ type: 'session-join', me: ben.me });
    expect(await peer.next('session-vouch')).toMatchObject({
      credential: {
        session_id: id,
        public_key: BEN.publicKey,
        display_name: 'Ben',
        issued_by: files.b.signer.publicKey,
      },
    });
    const tell = (told: Json): void =>
      peer.send({
        type: 'session-told',
        session_id: id,
        public_keys: [BEN.publicKey],
        event: { type: 'session-turns', session_id: id, turns: [told] },
      });
    // The third without the first two.
    tell(turns[2] as Json);
    const numbers = async (): Promise<unknown[]> =>
      ((await ask({ type: 'session-read', after_seq: 0 }))['turns'] as Json[]).map(({ seq }) => seq);
    await expect.poll(numbers, WITHIN).toEqual([1, 2, 3]);
    expect(calls.map(({ type }) => type)).toContain('session-read');
    turns.push(turnOf(4));
    const before = calls.length;
    peer.send({ type: 'session-behind', session_id: id });
    await expect.poll(numbers, WITHIN).toEqual([1, 2, 3, 4]);
    expect(calls.slice(before)).toMatchObject([{ type: 'session-enter', after_seq: 3 }, { type: 'session-read' }]);
    tell(turnOf(2));
    await expectReason('session-order');
    expect(await numbers()).toEqual([1, 2, 3, 4]);
    const stolen = { ...participant, joined_at: at(0), display_name: 'Benno', public_key: GUEST.publicKey };
    const changed = { type: 'session-changed', session_id: id, participants: [stolen] };
    peer.send({ type: 'session-told', session_id: id, public_keys: [BEN.publicKey], event: changed });
    await expectReason('session-key');
    const renamed = { type: 'session-changed', session_id: id, head: { ...head, id: v7(), title: 'Of another' } };
    peer.send({ type: 'session-told', session_id: id, public_keys: [BEN.publicKey], event: renamed });
    await expectReason('session-foreign');
    // Asked for what follows, the host answers with what is known, and says that there is more.
    const asked = calls.length;
    turns.splice(0, turns.length, ...Array.from({ length: 8 }, () => turns[3] as Json));
    tell(turnOf(8));
    await expect.poll(() => calls.slice(asked).map(({ type }) => type), WITHIN).toContain('session-read');
    expect(await numbers()).toEqual([1, 2, 3, 4]);
    expect(calls.slice(asked).filter(({ type }) => type === 'session-read')).toHaveLength(1);
    peer.drop();
    await expect
      .poll(async () => (await ask({ type: 'session-enter', after_seq: 4 }))['participants'], WITHIN)
      .toMatchObject([{ display_name: 'Benno', public_key: BEN.publicKey }]);
  });

  it('has what was left out read once, however often it says so while it answers nothing, and is told no end of it', async () => {
    const peer = await link();
    const id = v7();
    const offer = { session_id: id, title: 'Of A', mode: 'live', agreement_ref: files.agreement.id, opened_by: 'Ada' };
    peer.send({ type: 'session-hosted', offers: [{ ...offer, created_at: at(0) }] });
    await ben.socket.next('session-offered', (message) => message['session_id'] === id);
    const participant = { id: v7(), display_name: 'Ben', platform: 'test', role: 'member', public_key: BEN.publicKey };
    const participants = [{ ...participant, joined_at: at(0) }];
    const times = { created_at: at(0), updated_at: at(0) };
    const of = { agreement_ref: files.agreement.id, coordinator_id: 'coordinator-of-a', cost_unit: 'node-hours' };
    const head = { id, title: 'Of A', mode: 'live', status: 'open', ...of, cost_rate: 2, ...times, last_seq: 0 };
    const entered = { head, participant_id: participant.id, participants, turns: [], present: [], agreement: null };
    const calls: string[] = [];
    const unanswered: unknown[] = [];
    const answer = (callId: unknown, value: Json): void =>
      peer.send({ type: 'session-reply', call_id: callId, result: { ok: true, value } });
    let isQuiet = false;
    peer.behave((message) => {
      if (message['type'] !== 'session-call') return;
      const { type } = message['call'] as { type: string };
      calls.push(type);
      if (isQuiet) unanswered.push(message['call_id']);
      else answer(message['call_id'], type === 'session-read' ? { turns: [], last_seq: 9 } : entered);
    });
    const ask = (message: Json): Promise<Json> => ben.ask({ session_id: id, ...message });
    await ask({ type: 'session-join', me: ben.me });
    isQuiet = true;
    const tell = (event: Json): void =>
      peer.send({ type: 'session-told', session_id: id, public_keys: [BEN.publicKey], event });
    const content = [{ type: 'text', text: 'behind a gap' }];
    const turn = { id: v7(), seq: 5, participant_id: participant.id, author: 'human', created_at: at(0), content };
    for (let count = 0; count < 30; count += 1) {
      peer.send({ type: 'session-behind', session_id: id });
      tell({ type: 'session-turns', session_id: id, turns: [turn] });
    }
    const long = participants.flatMap((one) =>
      Array.from({ length: 400 }, () => ({ ...one, platform: 'p'.repeat(90) })),
    );
    for (let count = 0; count < 200; count += 1) {
      tell({
        type: 'session-changed',
        session_id: id,
        head: { ...head, title: `Number ${count}` },
        participants: long,
      });
    }
    // Its answer says that everything before it was taken in.
    peer.send({ type: 'session-joke', session_id: id });
    await peer.next('unsupported');
    await expect.poll(() => unanswered.length, WITHIN).toBe(1);
    isQuiet = false;
    answer(unanswered[0], entered);
    await ask({ type: 'session-read', after_seq: 0 });
    expect(calls.filter((type) => type === 'session-enter')).toHaveLength(2);
    expect(calls.filter((type) => type === 'session-read').length).toBeLessThanOrEqual(4);
    // What is told and has to wait is bounded; behind it the session is entered again.
    expect(ben.socket.messages.filter(({ type }) => type === 'session-changed').length).toBeLessThan(150);
    expect((await ask({ type: 'session-enter', after_seq: 0 }))['head']).toMatchObject({ title: 'Of A' });
  });

  it('breaks the link with a message of the family that is malformed, and not with one of a later version', async () => {
    const later = await link();
    later.send({ type: 'session-of-the-future', session_id: randomUUID() });
    expect((await later.next('unsupported'))['of']).toBe('session-of-the-future');
    later.send({ type: 'session-behind', session_id: 'no uuid' });
    expect((await later.untilClosed()).code).toBe(4400);
  });
});
