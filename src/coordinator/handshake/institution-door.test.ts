import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { nodeCryptography as cryptography } from '../../keys/ed25519';
import { A, accepted, B, got } from '../../keys/testing/handshake-pair';
import { testParty } from '../../keys/testing/test-party';
import { requestSigner } from '../../node/identity/request-signer';
import { signAgreement } from '../../protocol/signing/sign-document';
import type { Agreement } from '../../protocol/trust/agreement';
import { agreementOfHandshake } from '../../protocol/trust/agreement-of-handshake';
import type { MessageWriter } from '../../protocol/trust/compose-message';
import { signStatement } from '../../protocol/trust/statement';
import { agreementHash, signTermination } from '../../protocol/trust/termination';
import { callAt, call, registration, type Answer } from '../testing/foreign-client';
import { startTestCoordinator, type TestCoordinator } from '../testing/start-coordinator';
import { SessionClient } from '../testing/session-client';
import { keyOf } from '../testing/signed-agreement';
import { WsNode } from '../testing/ws-node';

const outsider = testParty(66, 'Outsider');
/** The computer of B; its key is another than that of the party. */
const computer = testParty(77, 'Computer of B');
let running: TestCoordinator;
/** How far the coordinator's clock is ahead. */
let aheadMs = 0;

beforeEach(async () => {
  aheadMs = 0;
  running = await startTestCoordinator(
    { accessPolicy: 'institution', institutionKeys: [A.signer.publicKey] },
    { clock: { nowMs: () => Date.now() + aheadMs } },
  );
  callAt(running.url);
});
afterEach(() => running.coordinator.stop());

function signedCall(by: MessageWriter, method: string, path: string, body?: object): Promise<Answer> {
  const text = body === undefined ? '' : JSON.stringify(body);
  const headers = requestSigner(by.signer, running.coordinatorId)(method, path, text);
  return call(method, path, body === undefined ? undefined : text, headers);
}

/** Whether a key is let in over the WebSocket, or what it is told. */
async function connects(seedFill: number, publicKey: string, purpose?: 'participant'): Promise<string> {
  const node = await WsNode.dial(running.url, keyOf(seedFill, publicKey));
  const hello = await node.next('hello');
  const signature = node.proof(String(hello['nonce']), String(hello['coordinator_id']));
  node.send({ type: 'authenticate', public_key: publicKey, signature, ...(purpose === undefined ? {} : { purpose }) });
  const answer = await Promise.race([node.next('authenticated'), node.next('reply')]);
  node.socket.close();
  return answer['type'] === 'authenticated' ? 'in' : JSON.stringify(answer['error']);
}

function signedAgreement(more: object = {}): Agreement {
  const terms = {
    purpose: 'Use the cluster.',
    resources: [],
    cost: { unit: 'hours' },
    data_handling: 'Inside.',
    effective_at: '2020-01-01T00:00:00.000Z',
    termination: 'Any time.',
    ...more,
  };
  const draft = got(agreementOfHandshake(accepted().known.proposer, { id: 'g1', terms }));
  return got(signAgreement(got(signAgreement(draft, A.signer, cryptography)), B.signer, cryptography));
}

function request(agreement: Agreement): object {
  const unsigned = {
    tore_spec: 'tore-0002',
    type: 'membership-request',
    coordinator_id: running.coordinatorId,
    node_id: B.nodeId,
    public_key: B.signer.publicKey,
    agreement,
    member_keys: [computer.signer.publicKey],
    issued_at: new Date().toISOString(),
  };
  return signStatement(unsigned, B.signer, cryptography);
}

/** Every door a stranger could try, signed with a key that is no member's. */
const doors = (by: MessageWriter): readonly [string, string, object?][] => [
  ['GET', '/discovery'],
  ['GET', '/discovery/records?limit=5'],
  ['POST', '/discovery/records', { record: {} }],
  ['POST', '/discovery/withdrawals', {}],
  ['POST', '/handshakes/messages', {}],
  ['POST', '/handshakes/inbox', {}],
  ['POST', '/nodes/register', registration(by.signer.publicKey)],
  ['GET', '/inference/models'],
  ['GET', '/sessions'],
  ['GET', '/sessions/019cb1a0-3c00-7000-8000-000000000001'],
  ['POST', '/inference/generate', { node_id: 'x', model_id: 'org/test-model', prompt: 'p' }],
];

describe('an institution-governed coordinator', () => {
  it('refuses an outsider at every door, with a message that says how to get in', async () => {
    for (const [method, path, body] of doors(outsider)) {
      const answer = await signedCall(outsider, method, path, body);
      expect([path, answer.status, answer.body['code']]).toEqual([path, 403, 'not-a-member']);
      expect(String(answer.body['detail'])).toContain('POST /access/agreements');
    }
    for (const [method, path, body] of doors(outsider)) {
      expect([path, (await call(method, path, body)).status]).toEqual([path, 401]);
    }
    for (const purpose of [undefined, 'participant'] as const) {
      const told = await connects(66, outsider.signer.publicKey, purpose);
      expect(told).toContain('not-a-member');
      expect(told).toContain('POST /access/agreements');
    }
  });

  it('lets a party and its computer in by an agreement in force, and out again when it ends', async () => {
    expect(await connects(2, B.signer.publicKey)).toContain('not-a-member');
    const agreement = signedAgreement();
    // Shown without being a member: whoever is outside can do nothing else.
    expect((await call('POST', '/access/agreements', request(agreement))).status).toBe(201);
    expect((await signedCall(B, 'GET', '/discovery/records?limit=5')).status).toBe(200);
    const registered = await signedCall(computer, 'POST', '/nodes/register', registration(computer.signer.publicKey));
    expect(registered.status).toBe(201);
    expect(await connects(77, computer.signer.publicKey)).toBe('in');
    expect((await signedCall(outsider, 'GET', '/discovery/records?limit=5')).status).toBe(403);
    // An invitation to a session inside lets no outsider through the door.
    const inside = await SessionClient.connect(running.url, 'B', keyOf(77, computer.signer.publicKey));
    const sessionId = await inside.create();
    expect(await inside.invite(sessionId)).not.toBe('');
    expect(await connects(66, outsider.signer.publicKey, 'participant')).toContain('POST /access/agreements');

    const notice = signTermination(
      {
        id: 't1',
        agreement_id: agreement.id,
        agreement_hash: got(agreementHash(agreement, cryptography)),
        party: { node_id: A.nodeId, public_key: A.signer.publicKey },
        effective_at: new Date(Date.now() - 1_000).toISOString(),
        issued_at: new Date().toISOString(),
      },
      A.signer,
      cryptography,
    );
    expect((await call('POST', '/access/agreements/terminations', notice)).status).toBe(200);
    expect((await signedCall(B, 'GET', '/discovery/records?limit=5')).status).toBe(403);
    expect(await connects(77, computer.signer.publicKey)).toContain('not-a-member');
    // Who was inside is shown out, and told why.
    await expect.poll(() => inside.socket.closed?.reason).toContain('no longer a member');
  });

  it('shows out whoever was inside when an agreement ran out', async () => {
    const now = Date.now();
    const agreement = signedAgreement({ expires_at: new Date(now + 3_600_000).toISOString() });
    expect((await call('POST', '/access/agreements', request(agreement))).status).toBe(201);
    const inside = await SessionClient.connect(running.url, 'B', keyOf(77, computer.signer.publicKey));
    expect(await inside.create()).not.toBe('');
    expect(inside.socket.closed).toBeNull();
    aheadMs = 3_700_000;
    await expect.poll(() => inside.socket.closed?.reason).toContain('no longer a member');
  });
});
