import { afterEach, expect, it } from 'vitest';
import { callAt, get, post, registerNode, shard, type Json } from '../testing/foreign-client';
import { startTestCoordinator, type TestCoordinator } from '../testing/start-coordinator';
import { WsNode } from '../testing/ws-node';

/** Generous, for machines that are busy with other things. */
const WITHIN = { timeout: 20_000 };
const OFFLINE_AFTER_MS = 120_000;

let target: TestCoordinator;
afterEach(() => target.coordinator.stop());

const counted = async (): Promise<unknown> =>
  ((await get('/inference/models')).body['models'] as Json[])[0]?.['registry'];

it('forgets shards whose node has gone without a word, and knows them again when they are registered', async () => {
  let nowMs = Date.parse('2026-06-01T00:00:00Z');
  target = await startTestCoordinator({}, { clock: { nowMs: () => nowMs } });
  callAt(target.url);
  const [gone, living] = [await registerNode('key-a'), await registerNode('key-b')];
  await post('/inference/shards/register', shard(gone, 0, 3));
  await post('/inference/shards/register', shard(living, 4, 7));
  for (let silence = 0; silence < 9; silence += 1) {
    nowMs += OFFLINE_AFTER_MS;
    expect((await post(`/inference/shards/heartbeat/${living}`)).status).toBe(200);
  }
  expect(await counted()).toEqual({ online: 1, offline: 1, layers_covered: 4 });
  nowMs += OFFLINE_AFTER_MS;
  await post(`/inference/shards/heartbeat/${living}`);
  await expect.poll(counted, WITHIN).toEqual({ online: 1, offline: 0, layers_covered: 4 });
  expect((await post(`/inference/shards/heartbeat/${gone}`)).status).toBe(404);
  await post('/inference/shards/register', shard(gone, 0, 3));
  expect(await counted()).toEqual({ online: 2, offline: 0, layers_covered: 8 });
});

it('keeps the shards of connected nodes when the computer has slept', async () => {
  let nowMs = Date.parse('2026-06-01T00:00:00Z');
  target = await startTestCoordinator({}, { clock: { nowMs: () => nowMs } });
  callAt(target.url);
  const node = await WsNode.connect(target.url);
  try {
    await node.register();
    await node.registerShard(0, 3);
    await post('/inference/shards/register', shard(await registerNode('key-a'), 4, 7));
    nowMs += 12 * OFFLINE_AFTER_MS;
    await expect.poll(counted, WITHIN).toEqual({ online: 0, offline: 1, layers_covered: 0 });
    expect(await node.call({ type: 'heartbeat' })).toMatchObject({ ok: true, value: { shards: 1 } });
    expect(await counted()).toEqual({ online: 1, offline: 0, layers_covered: 4 });
  } finally {
    node.drop();
  }
});
