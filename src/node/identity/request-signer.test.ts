import { randomUUID } from 'node:crypto';
import { afterEach, describe, expect, it } from 'vitest';
import { startTestCoordinator, type TestCoordinator } from '../../coordinator/testing/start-coordinator';
import { success } from '../../protocol/result';
import { systemClock } from '../clock';
import { connectToCoordinator, type ConnectOptions } from '../coordinator-client/connect';
import { CoordinatorHttp } from '../coordinator-client/http-requests';
import { silentLogger } from '../logger';
import { openIdentity, type NodeIdentity } from './node-identity';
import { requestSigner } from './request-signer';

async function newIdentity(): Promise<NodeIdentity> {
  const opened = await openIdentity({
    location: 'memory',
    load: () => Promise.resolve(success(null)),
    save: () => Promise.resolve(success(undefined)),
  });
  if (!opened.ok) throw new Error(opened.error.message);
  return opened.value;
}

describe('a node at a coordinator that wants to know who is asking', () => {
  const ADMINISTRATOR_TOKEN = 'administrator-token-of-the-tests';
  let target: TestCoordinator;
  afterEach(() => target.coordinator.stop());

  it('signs its HTTP calls, with query and body', async () => {
    target = await startTestCoordinator({ accessPolicy: 'keyed' });
    const http = new CoordinatorHttp(target.url, null);
    expect(await http.send({ path: '/inference/models' })).toMatchObject({ value: { status: 401 } });
    const signed = http.signedBy(requestSigner(await newIdentity(), target.coordinatorId));
    expect(await signed.send({ path: '/inference/models' })).toMatchObject({ value: { status: 200 } });
    const query = '/inference/cost/estimate?model_id=org%2Ftest-model&max_new_tokens=3';
    expect(await signed.send({ path: query })).toMatchObject({ value: { status: 200 } });
    const body = { node_id: randomUUID(), model_id: 'org/test-model', prompt: 'Grüße' };
    expect(await signed.send({ method: 'POST', path: '/inference/generate', body })).toMatchObject({
      value: { status: 404 },
    });
  });

  it('comes in with an invitation, and is told how to get one', async () => {
    target = await startTestCoordinator({
      accessPolicy: 'institution',
      administratorToken: ADMINISTRATOR_TOKEN,
      joinInstructions: 'Ask the computing centre.',
    });
    const options = (invitation: string | null, identity: NodeIdentity): ConnectOptions => ({
      url: target.url,
      accessToken: null,
      invitation,
      identity,
      clock: systemClock,
      logger: silentLogger,
      resume: null,
      storedNodeId: null,
      onEvent: () => undefined,
    });
    const identity = await newIdentity();
    const refused = await connectToCoordinator(options(null, identity));
    expect(refused).toMatchObject({ ok: false, error: { code: 'proof-refused', retryable: false } });
    expect(refused.ok ? '' : refused.error.suggestion).toContain('Ask the computing centre.');
    const made = await fetch(`${target.url}/admin/invitations`, {
      method: 'POST',
      headers: { authorization: `Bearer ${ADMINISTRATOR_TOKEN}`, 'content-type': 'application/json' },
      body: '{}',
    });
    const { code } = (await made.json()) as { code: string };
    const connected = await connectToCoordinator(options(code, identity));
    expect(connected).toMatchObject({ ok: true, value: { info: { signFor: target.coordinatorId } } });
    if (connected.ok) connected.value.close();
    // A member from now on: the code is not needed again.
    const again = await connectToCoordinator(options(null, identity));
    expect(again.ok).toBe(true);
    if (again.ok) again.value.close();
  });
});
