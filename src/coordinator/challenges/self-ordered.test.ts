import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { timestampOf } from '../clock';
import type { Database } from '../storage/database-schema';
import { answerChallenge, callAt, get, post, registerNode, shard } from '../testing/foreign-client';
import { startTestCoordinator } from '../testing/start-coordinator';
import { openTestDatabase } from '../testing/test-database';
import { insertTestNode } from '../testing/test-nodes';
import { CHALLENGE_TYPE, ChallengeStore, PROOF_TYPE, type TaskRow } from './challenge-store';
import type { TaskOutcome } from './reliability';

const DAY_MS = 24 * 3_600_000;

let nowMs = Date.parse('2026-06-01T00:00:00Z');
const clock = { nowMs: () => nowMs };

describe('a challenge that is asked for over HTTP', () => {
  it('comes once in an interval, however often and by how many it is asked for', async () => {
    const target = await startTestCoordinator({ maintenanceSeconds: 3_600 }, { clock });
    try {
      callAt(target.url);
      const id = await registerNode('key-a');
      await post('/inference/shards/register', shard(id, 0, 3));
      const asked = await Promise.all(Array.from({ length: 20 }, () => post(`/tasks/dispatch/${id}`)));
      expect(new Set(asked.map(({ status, body }) => `${status} ${String(body['task_id'])}`)).size).toBe(1);
      expect((await answerChallenge(id, false)).body).toMatchObject({ status: 'failed', reliability: 0.5 });
      expect(await post(`/tasks/dispatch/${id}`)).toMatchObject({
        status: 429,
        body: { detail: expect.stringContaining('every 300 seconds') as string },
      });
      nowMs += 300_000;
      await post(`/inference/shards/heartbeat/${id}`);
      // Nobody proves anything here, so the answers are all there is to go by.
      expect((await answerChallenge(id, true)).body).toMatchObject({ status: 'verified', reliability: 0.75 });
      expect((await get(`/nodes/${id}`)).body['reliability_factor']).toBe(0.75);
    } finally {
      await target.coordinator.stop();
    }
  });
});

describe('a node that is judged by proofs', () => {
  let database: Database;
  let close: () => Promise<void>;
  let store: ChallengeStore;

  beforeEach(async () => {
    ({ database, close } = await openTestDatabase());
    store = new ChallengeStore(database, clock, { changed: () => undefined });
    await insertTestNode(database, 'n');
  });
  afterEach(() => close());

  function task(more: Partial<TaskRow>): TaskRow {
    return {
      id: randomUUID(),
      node_id: 'n',
      task_type: CHALLENGE_TYPE,
      channel: 'http',
      model_id: 'm',
      layer_start: 0,
      layer_end: 3,
      prompt: '',
      expected_hash: '',
      flops_estimated: 0,
      status: 'dispatched',
      result_hash: null,
      flops_delivered: null,
      execution_time_ms: null,
      created_at: timestampOf(nowMs),
      expires_at: timestampOf(nowMs + 1_000),
      completed_at: null,
      verdict_order: null,
      proof_group: null,
      proof_json: null,
      ...more,
    };
  }

  /** The reliability after a task of this kind has got its verdict. */
  async function reliabilityAfter(outcome: TaskOutcome, more: Partial<TaskRow> = {}): Promise<number | undefined> {
    const one = task(more);
    await store.insert(one);
    return (await store.decide(one.id, outcome, null))?.reliability.factor;
  }
  const proof = { task_type: PROOF_TYPE, channel: 'ws' } as const;

  it('neither gains nor loses by challenges that were ordered for it', async () => {
    expect(await reliabilityAfter('failed', proof)).toBe(0.5);
    expect(await reliabilityAfter('verified', proof)).toBe(0.75);
    for (let round = 0; round < 20; round += 1) {
      expect(await reliabilityAfter(round % 2 === 0 ? 'failed' : 'expired')).toBe(0.75);
      expect(await reliabilityAfter('verified')).toBe(0.75);
    }
    expect(await store.judgedTasks('n')).toBe(2);
    expect((await store.statistics('n', 0.75)).challenges_total).toBe(42);
    // One the coordinator gave of its own accord counts.
    expect(await reliabilityAfter('verified', { channel: 'ws' })).toBeCloseTo(0.5 + 0.5 * (2 / 3));
  });

  it('is judged by them again when no proof was possible for long', async () => {
    await reliabilityAfter('failed', proof);
    nowMs += DAY_MS;
    expect(await reliabilityAfter('verified')).toBe(0.75);
  });
});
