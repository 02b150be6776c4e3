import { randomUUID } from 'node:crypto';
import { afterEach, describe, expect, it } from 'vitest';
import { success } from '../../protocol/result';
import { systemClock, type Clock } from '../clock';
import { openIdentity } from '../identity/node-identity';
import { silentLogger } from '../logger';
import { ManualClock, until } from '../test-doubles/manual-clock';
import { SocketCoordinator, type ConnectedNode } from '../test-doubles/socket-coordinator';
import { connectToCoordinator } from './connect';
import type { CoordinatorConnection, GenerateRequest } from './coordinator-client';
import { GENERATE_TIMEOUT_MS } from './http-requests';

const request: GenerateRequest = {
  requestId: randomUUID(),
  modelId: 'test/tiny',
  prompt: 'Hi',
  maxNewTokens: 8,
  sampling: { temperature: 0, top_k: 0, top_p: 1 },
};
const outcome = {
  request_id: request.requestId,
  text: 'aaa',
  finish_reason: 'stop',
  tokens: 3,
  input_tokens: 1,
  gft_deducted: 0,
  new_balance: null,
  backend: 'distributed',
  pipeline: [],
  latency_ms: 1,
  model_id: 'test/tiny',
  ledger_ref: null,
  confirmed_at: null,
};

const running: { stop(): Promise<void> }[] = [];
afterEach(async () => {
  for (const one of running.splice(0).reverse()) await one.stop();
});

/** A connection to a coordinator that leaves answers to the test, and a clock that holds nothing but the answer's limit. */
async function connect(): Promise<{ connection: CoordinatorConnection; peer: ConnectedNode; limit: ManualClock }> {
  const coordinator = await SocketCoordinator.start({
    onCall: (call) => (call['type'] === 'generate' ? null : undefined),
  });
  running.push(coordinator);
  const identity = await openIdentity({
    location: 'memory',
    load: async () => success(null),
    save: async () => success(undefined),
  });
  if (!identity.ok) throw new Error(identity.error.message);
  const limit = new ManualClock();
  const clock: Clock = {
    ...systemClock,
    schedule: (delayMs, action) => (delayMs === GENERATE_TIMEOUT_MS ? limit : systemClock).schedule(delayMs, action),
  };
  const connected = await connectToCoordinator({
    url: coordinator.url,
    accessToken: null,
    identity: identity.value,
    clock,
    logger: silentLogger,
    resume: null,
    storedNodeId: null,
    onEvent: () => undefined,
  });
  const [peer] = coordinator.nodes;
  if (!connected.ok || peer === undefined) throw new Error('not connected');
  running.push({ stop: async () => connected.value.close() });
  return { connection: connected.value, peer, limit };
}

const calls = (peer: ConnectedNode, type: string) => SocketCoordinator.of(peer, type);

describe('an answer over the WebSocket', () => {
  it('is waited for as long as something of it comes', async () => {
    const { connection, peer, limit } = await connect();
    let heard = 0;
    const hear = (): void => {
      heard += 1;
    };
    const answer = connection.generate(request, { onStarted: hear, onToken: hear, onQueued: hear, onWaiting: hear });
    await until(() => calls(peer, 'generate').length === 1);
    const request_id = request.requestId;
    const signs = [
      { type: 'generate-queued', request_id, position: 1, waiting: 1 },
      { type: 'generate-started', request_id, pipeline: [], input_tokens: 1 },
      { type: 'generate-waiting', request_id, model_id: 'test/tiny', layers_missing: [2], seconds: 30 },
      { type: 'generate-token', request_id, index: 0, token_id: 5, text: 'a' },
    ];
    for (const [index, sign] of signs.entries()) {
      limit.advance(GENERATE_TIMEOUT_MS - 1);
      peer.send(sign);
      await until(() => heard === index + 1);
    }
    limit.advance(GENERATE_TIMEOUT_MS - 1);
    peer.send({ type: 'reply', call_id: calls(peer, 'generate')[0]?.['call_id'], ok: true, value: outcome });
    expect(await answer).toMatchObject({ ok: true, value: { text: 'aaa' } });
    expect(limit.waiting).toEqual([]);
    expect(calls(peer, 'cancel-generate')).toHaveLength(0);
  });

  it('is cancelled at the coordinator when nothing comes for too long', async () => {
    const { connection, peer, limit } = await connect();
    const answer = connection.generate(request, {});
    await until(() => calls(peer, 'generate').length === 1);
    limit.advance(GENERATE_TIMEOUT_MS);
    expect(await answer).toMatchObject({ ok: false, error: { code: 'call-timeout', retryable: true } });
    await until(() => calls(peer, 'cancel-generate').length === 1);
    expect(calls(peer, 'cancel-generate')).toMatchObject([{ request_id: request.requestId }]);
  });

  it('ends some time after it was cancelled, whatever still comes of it', async () => {
    const { connection, peer, limit } = await connect();
    const controller = new AbortController();
    let heard = 0;
    const onQueued = (): void => {
      heard += 1;
    };
    const answer = connection.generate(request, { signal: controller.signal, onQueued });
    await until(() => calls(peer, 'generate').length === 1);
    controller.abort();
    await until(() => calls(peer, 'cancel-generate').length === 1);
    limit.advance(GENERATE_TIMEOUT_MS - 1);
    peer.send({ type: 'generate-queued', request_id: request.requestId, position: 1, waiting: 1 });
    await until(() => heard === 1);
    limit.advance(1);
    expect(limit.waiting).toEqual([]);
    expect(await answer).toMatchObject({ ok: false, error: { code: 'call-timeout' } });
  });
});
