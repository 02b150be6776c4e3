import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { nodeCryptography as cryptography } from '../../keys/ed25519';
import { A, got } from '../../keys/testing/handshake-pair';
import { agreementHash, signTermination } from '../../protocol/trust/termination';
import { callAt, call } from '../testing/foreign-client';
import { SessionClient } from '../testing/session-client';
import { KEY_OF_A, KEY_OF_B, signedAgreement } from '../testing/signed-agreement';
import { startTestCoordinator, type TestCoordinator } from '../testing/start-coordinator';

let running: TestCoordinator;
beforeEach(async () => {
  running = await startTestCoordinator();
  callAt(running.url);
});
afterEach(() => running.coordinator.stop());

async function people() {
  return {
    ada: await SessionClient.connect(running.url, 'Ada', KEY_OF_A),
    ben: await SessionClient.connect(running.url, 'Ben', KEY_OF_B),
    eve: await SessionClient.connect(running.url, 'Eve'),
  };
}

describe('a session under an agreement', () => {
  it('is offered to the other party at once and later, to nobody else, and joined without a code', async () => {
    const { ada, ben, eve } = await people();
    const agreement = signedAgreement();
    const sessionId = await ada.create({ agreement });
    const offer = { session_id: sessionId, title: 'Assay', opened_by: 'Ada', agreement_ref: agreement.id };
    expect((await ben.socket.next('session-offered'))['offer']).toMatchObject(offer);
    expect(await ben.ask({ type: 'session-offers' })).toMatchObject([offer]);
    expect(await ada.ask({ type: 'session-offers' })).toEqual([]);
    expect(await eve.ask({ type: 'session-offers' })).toEqual([]);
    expect(await eve.refusal({ type: 'session-join', session_id: sessionId, me: eve.me })).toBe('session-unknown');
    expect(eve.socket.messages.some(({ type }) => type === 'session-offered')).toBe(false);

    await ben.join(sessionId);
    expect(await ben.ask({ type: 'session-offers' })).toEqual([]);
    expect(await ben.post(sessionId, ben.turn(sessionId, 'Here.'))).toBe(1);
    // Leaving is no reason to be asked again.
    await ben.ask({ type: 'session-leave', session_id: sessionId });
    expect(await ben.ask({ type: 'session-offers' })).toEqual([]);
  });

  it('is neither opened nor joined any more once a party has ended the agreement', async () => {
    const { ada, ben, eve } = await people();
    const agreement = signedAgreement();
    const sessionId = await ada.create({ agreement });
    const end = {
      id: 't1',
      agreement_id: agreement.id,
      agreement_hash: got(agreementHash(agreement, cryptography)),
      party: { node_id: A.nodeId, public_key: A.signer.publicKey },
      effective_at: new Date(Date.now() - 1_000).toISOString(),
      issued_at: new Date().toISOString(),
    };
    // Who is no party ends nothing.
    const foreign = { ...end, party: { node_id: 'eve', public_key: eve.key.publicKey } };
    const eveSigner = { publicKey: eve.key.publicKey, sign: (text: string) => eve.sign(text) };
    const forged = await call(
      'POST',
      '/access/agreements/terminations',
      signTermination(foreign, eveSigner, cryptography),
    );
    expect([forged.status, forged.body['code']]).toEqual([403, 'agreement-foreign']);
    const told = await call('POST', '/access/agreements/terminations', signTermination(end, A.signer, cryptography));
    expect(told.status).toBe(200);
    expect(await ben.refusal({ type: 'session-join', session_id: sessionId, me: ben.me })).toBe('agreement-invalid');
    await expect(ben.create({ agreement })).rejects.toThrow(/one of its parties has ended it/);
    // Who is in stays in: the session itself was not ended.
    expect(await ada.post(sessionId, ada.turn(sessionId, 'Still here.'))).toBe(1);
  });
});
