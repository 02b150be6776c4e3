import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { nodeCryptography as cryptography } from '../../keys/ed25519';
import { A, accepted, B, JOIN, Pair, T0 } from '../../keys/testing/handshake-pair';
import { proposal, question, testParty } from '../../keys/testing/test-party';
import { composeProposal, type MessageWriter } from '../../protocol/trust/compose-message';
import { handshakePhase } from '../../protocol/trust/handshake';
import { readHandshakeMessage } from '../../protocol/trust/handshake-message';
import { signStatement } from '../../protocol/trust/statement';
import { callAt, post, type Answer } from '../testing/foreign-client';
import { startTestCoordinator, type TestCoordinator } from '../testing/start-coordinator';
import { KEY_OF_B } from '../testing/signed-agreement';
import { WsNode } from '../testing/ws-node';

const mallory = testParty(66, 'Mallory');
let nowMs = T0 + 60_000;
let running: TestCoordinator;

beforeEach(async () => {
  nowMs = T0 + 60_000;
  running = await startTestCoordinator({}, { clock: { nowMs: () => nowMs } });
  callAt(running.url);
});
afterEach(() => running.coordinator.stop());

const send = (message: unknown): Promise<Answer> => post('/handshakes/messages', message);

function inboxRequest(party: MessageWriter, changes: Record<string, unknown> = {}): unknown {
  const request = {
    tore_spec: 'tore-0002',
    type: 'inbox-request',
    coordinator_id: running.coordinatorId,
    node_id: party.nodeId,
    public_key: party.signer.publicKey,
    after: 0,
    acknowledge: 0,
    limit: 100,
    issued_at: new Date(nowMs).toISOString(),
    ...changes,
  };
  return signStatement(request, party.signer, cryptography);
}

async function inbox(party: MessageWriter, changes: Record<string, unknown> = {}) {
  const answer = await post('/handshakes/inbox', inboxRequest(party, changes));
  expect(answer.body).toMatchObject({ messages: expect.any(Array) as unknown });
  return answer.body as unknown as { messages: { position: number; message: { sequence: number } }[]; more: boolean };
}

describe('the relay', () => {
  it('carries a whole handshake between parties that are never there at the same time', async () => {
    const pair = accepted();
    const queues = { proposer: [...pair.sent.proposer], responder: [...pair.sent.responder] };
    // Each goes as far as the relay lets it: what it has not seen yet comes later.
    while (queues.proposer.length + queues.responder.length > 0) {
      let moved = false;
      for (const queue of Object.values(queues)) {
        const next = queue[0];
        if (next === undefined) continue;
        const answer = await send(next);
        if (answer.body['code'] === 'message-early') continue;
        expect(answer.body['code'] === 'handshake-unknown' || answer.status === 202).toBe(true);
        if (answer.status !== 202) continue;
        queue.shift();
        moved = true;
      }
      expect(moved).toBe(true);
    }
    const forB = await inbox(B);
    expect(forB.messages.map(({ message }) => message)).toEqual(pair.sent.proposer);
    expect((await inbox(A)).messages.map(({ message }) => message)).toEqual(pair.sent.responder);
    expect(handshakePhase(pair.known.proposer, nowMs)).toBe('accepted');
    // Every message reads at its receiver as it was signed.
    for (const { message } of forB.messages) expect(readHandshakeMessage(message, cryptography, nowMs).ok).toBe(true);
    const last = forB.messages.at(-1)?.position ?? 0;
    expect((await inbox(B, { acknowledge: last })).messages).toEqual([]);
    expect((await inbox(B)).messages).toEqual([]);
  });

  it('tells a connected key that something waits, though it serves nothing', async () => {
    const connection = await WsNode.connect(running.url, KEY_OF_B);
    await send(new Pair().sent.proposer[0]);
    await expect.poll(() => connection.messages.some(({ type }) => type === 'inbox-changed')).toBe(true);
    connection.socket.close();
  });

  it('gives messages to their receiver only, in pages', async () => {
    const pair = new Pair();
    pair.say('responder', JOIN);
    pair.say('proposer', question('a1'));
    await send(pair.sent.proposer[0]);
    await send(pair.sent.responder[0]);
    await send(pair.sent.proposer[1]);
    expect((await inbox(mallory)).messages).toEqual([]);
    const forged = { ...(inboxRequest(mallory) as object), public_key: B.signer.publicKey, node_id: B.nodeId };
    expect((await post('/handshakes/inbox', forged)).body).toMatchObject({ code: 'signature-wrong' });
    const elsewhere = inboxRequest(B, { coordinator_id: 'another' });
    expect((await post('/handshakes/inbox', elsewhere)).body).toMatchObject({ code: 'wrongly-addressed' });
    const asB = inboxRequest({ ...mallory, nodeId: B.nodeId });
    expect((await post('/handshakes/inbox', asB)).body['code']).toMatch(/wrongly-addressed|signature-wrong/);
    const first = await inbox(B, { limit: 1 });
    expect(first).toMatchObject({ more: true, messages: [{ message: { sequence: 1 } }] });
    const second = await inbox(B, { limit: 1, after: first.messages[0]?.position });
    expect(second).toMatchObject({ more: false, messages: [{ message: { sequence: 2 } }] });
    const stale = inboxRequest(B);
    nowMs += 6 * 60_000;
    expect((await post('/handshakes/inbox', stale)).body).toMatchObject({ code: 'request-stale' });
  });

  it('refuses what breaks the rules, before it reaches anybody', async () => {
    const pair = new Pair(1);
    const first = pair.sent.proposer[0];
    await send(first);
    const replayed = await send(first);
    expect([replayed.status, replayed.body['code']]).toEqual([409, 'message-replayed']);
    expect((await send({ ...first, sequence: 2 })).body).toMatchObject({ code: 'signature-wrong' });
    pair.say('responder', JOIN);
    pair.say('responder', question('b1'));
    expect((await send(pair.sent.responder[1])).body).toMatchObject({ code: 'message-early' });
    expect((await send(pair.sent.responder[0])).status).toBe(202);
    expect((await send(pair.sent.responder[1])).status).toBe(202);
    expect((await inbox(A)).messages).toHaveLength(2);
    nowMs += 2 * 86_400_000;
    const late = new Pair();
    expect((await send(late.sent.proposer[0])).body).toMatchObject({ code: 'request-stale' });
  });

  it('holds the quota across handshakes, so that a second one buys nothing', async () => {
    const quota = { count: 2, window_seconds: 3_600 };
    const one = new Pair();
    one.say('responder', { kind: 'join', quota });
    one.say('proposer', question('a1'));
    one.say('proposer', question('a2'));
    for (const message of [one.sent.proposer[0], one.sent.responder[0], one.sent.proposer[1], one.sent.proposer[2]]) {
      expect((await send(message)).status).toBe(202);
    }
    const to = { node_id: B.nodeId, public_key: B.signer.publicKey };
    const again = composeProposal('second', to, { writer: A, content: proposal(T0), nowMs: T0 + 9_000 }, cryptography);
    if (!again.ok) throw new Error(again.error.message);
    const other = new Pair();
    other.known.proposer = again.value.handshake;
    other.known.responder = again.value.handshake;
    other.sent.proposer = [again.value.message];
    other.atMs = T0 + 10_000;
    other.say('responder', { kind: 'join', quota });
    other.say('proposer', question('a3'));
    expect((await send(other.sent.proposer[0])).status).toBe(202);
    expect((await send(other.sent.responder[0])).status).toBe(202);
    const refused = await send(other.sent.proposer[1]);
    expect([refused.status, refused.body['code']]).toEqual([429, 'quota-exceeded']);
  });

  it('does not let strangers fill a mailbox', async () => {
    const to = { node_id: B.nodeId, public_key: B.signer.publicKey };
    const propose = async (writer: MessageWriter, id: string): Promise<Answer> => {
      const composed = composeProposal(id, to, { writer, content: proposal(nowMs), nowMs }, cryptography);
      if (!composed.ok) throw new Error(composed.error.message);
      return send(composed.value.message);
    };
    for (let number = 0; number < 5; number += 1) expect((await propose(A, `h${number}`)).status).toBe(202);
    expect((await propose(A, 'h5')).body).toMatchObject({ code: 'quota-exceeded' });
    expect((await propose(testParty(9), 'h6')).status).toBe(202);
    const answer = await send({ ...new Pair().sent.proposer[0], padding: 'x'.repeat(600_000) });
    expect(answer.status).toBe(413);
  });
});
