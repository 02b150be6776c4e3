import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { nodeEd25519 } from '../../keys/ed25519';
import { requestSigner } from '../../node/identity/request-signer';
import { readDocument } from '../../protocol/documents/read-document';
import { verifySession } from '../../protocol/signing/verify-document';
import { call, callAt, type Answer } from '../testing/foreign-client';
import { SessionClient } from '../testing/session-client';
import { startTestCoordinator, type TestCoordinator } from '../testing/start-coordinator';

type Json = Record<string, unknown>;

let running: TestCoordinator;
beforeEach(async () => {
  running = await startTestCoordinator();
  callAt(running.url);
});
afterEach(() => running.coordinator.stop());

/** A call signed with the key of a participant. */
function read(by: SessionClient, path: string): Promise<Answer> {
  const signer = { publicKey: by.key.publicKey, sign: (text: string) => by.sign(text) };
  return call('GET', path, undefined, requestSigner(signer, running.coordinatorId)('GET', path, ''));
}

/** A session of three, with five turns. */
async function session() {
  const ada = await SessionClient.connect(running.url, 'Ada');
  const sessionId = await ada.create();
  const ben = await SessionClient.connect(running.url, 'Ben');
  await ben.join(sessionId, await ada.invite(sessionId));
  const cy = await SessionClient.connect(running.url, 'Cy');
  await cy.join(sessionId, await ada.invite(sessionId, 'observer'));
  for (let number = 1; number <= 5; number += 1) {
    const author = number % 2 === 0 ? ben : ada;
    await author.post(sessionId, author.turn(sessionId, `turn ${number}`));
  }
  return { ada, ben, cy, sessionId };
}

describe('a session read over HTTP', () => {
  it('comes in pages that together are the document, for everybody who is in it', async () => {
    const { ada, ben, cy, sessionId } = await session();
    for (const reader of [ada, ben, cy]) {
      const pages: Json[] = [];
      for (let next: unknown = 0; next !== null; next = pages.at(-1)?.['next']) {
        const page = await read(reader, `/sessions/${sessionId}?after_seq=${String(next)}&limit=2`);
        expect(page.status).toBe(200);
        pages.push(page.body);
      }
      expect(pages).toHaveLength(3);
      const documents = pages.map((page) => page['session'] as Json & { turns: Json[] });
      const whole = { ...documents[0], turns: documents.flatMap(({ turns }) => turns) };
      const document = readDocument(JSON.stringify(whole));
      if (!document.ok || document.value.kind !== 'session') throw new Error('not a session');
      expect(document.value.document.turns.map(({ seq }) => seq)).toEqual([1, 2, 3, 4, 5]);
      expect(verifySession(document.value.document, nodeEd25519)).toMatchObject({ ok: true, value: { signatures: 5 } });
      expect((await read(reader, '/sessions')).body).toMatchObject({ sessions: [{ head: { id: sessionId } }] });
    }
  });

  it('is nothing for whoever is not in it, and looks like one that does not exist', async () => {
    const { ben, sessionId } = await session();
    const eve = await SessionClient.connect(running.url, 'Eve');
    const [foreign, absent] = [
      await read(eve, `/sessions/${sessionId}`),
      await read(eve, '/sessions/019cb1a0-3c00-7000-8000-000000000001'),
    ];
    expect([foreign.status, foreign.body['code']]).toEqual([404, 'session-unknown']);
    expect(foreign.body).toEqual(absent.body);
    expect((await read(eve, '/sessions')).body).toEqual({ sessions: [] });
    await ben.ask({ type: 'session-leave', session_id: sessionId });
    expect((await read(ben, `/sessions/${sessionId}`)).status).toBe(404);
  });

  it('wants a proved key, and says how to prove one', async () => {
    const { ada, sessionId } = await session();
    const unsigned = await call('GET', `/sessions/${sessionId}`);
    expect([unsigned.status, unsigned.body['code']]).toEqual([401, 'identity-required']);
    expect(String(unsigned.body['detail'])).toContain('POST /access/session');
    // A signature for one session is worth nothing for another.
    const signer = { publicKey: ada.key.publicKey, sign: (text: string) => ada.sign(text) };
    const headers = requestSigner(signer, running.coordinatorId)('GET', '/sessions', '');
    expect((await call('GET', `/sessions/${sessionId}`, undefined, headers)).status).toBe(401);
    expect((await read(ada, `/sessions/${sessionId}?limit=0`)).status).toBe(422);
  });
});
