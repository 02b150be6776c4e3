import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { aboutHop, hopFrame, HostileTarget, MAX_POSITIONS, offerOf, opening } from '../testing/hostile-target';
import { serveFirst, serveLast } from '../testing/ws-node';

type Json = Record<string, unknown>;

let target: HostileTarget;

beforeEach(async () => {
  target = await HostileTarget.start();
});
afterEach(() => target.stop());

describe('a deadline', () => {
  it('ends a request over the link when it comes, settled for what was produced', async () => {
    const first = await target.nodeWith(0, 3);
    serveFirst(first);
    serveLast(await target.nodeWith(4, 7), { beforeToken: (index) => index < 2 });
    const { peer } = await target.link();
    const requestId = randomUUID();
    peer.send({
      type: 'request',
      request_id: requestId,
      model_id: 'org/test-model',
      prompt: 'hello',
      max_new_tokens: 8,
      sampling: { temperature: 0, top_k: 0, top_p: 1 },
      precision: 'fp32',
      deadline_at: new Date(Date.now() + 5_000).toISOString(),
    });
    // The third token never comes by itself; only the deadline can end this.
    const end = await peer.next('request-ended', (message) => message['request_id'] === requestId);
    expect(end).toMatchObject({ finish_reason: 'cancelled', error: null, settlement: { output_tokens: 2 } });
  });

  it('that is over already ends a request before it begins', async () => {
    serveFirst(await target.nodeWith(0, 3));
    serveLast(await target.nodeWith(4, 7));
    const { peer } = await target.link();
    const requestId = randomUUID();
    peer.send({
      type: 'request',
      request_id: requestId,
      model_id: 'org/test-model',
      prompt: 'hello',
      max_new_tokens: 64,
      sampling: { temperature: 0, top_k: 0, top_p: 1 },
      precision: 'fp32',
      deadline_at: '2026-01-01T00:00:00.000Z',
    });
    const end = await peer.next('request-ended', (message) => message['request_id'] === requestId);
    expect(end['finish_reason'] === 'cancelled' || (end['error'] as Json | null)?.['code'] === 'cancelled').toBe(true);
  });

  it('ends a hop when it comes, settled for what was done', async () => {
    await target.serveMiddle(2, 5);
    const { peer } = await target.link();
    const open = opening(await offerOf(peer, 2, 5), { deadline_at: new Date(Date.now() + 5_000).toISOString() });
    const hopId = String(open['hop_id']);
    peer.send(open);
    await peer.next('hop-opened', aboutHop(hopId));
    peer.send({ type: 'hop-begin', hop_id: hopId, positions: MAX_POSITIONS });
    peer.sendFrame(hopFrame(hopId));
    await peer.nextFrame();
    // Nobody closes it.
    expect(await peer.next('hop-ended', aboutHop(hopId))).toMatchObject({ settlement: { input_tokens: 5 } });
  });
});
