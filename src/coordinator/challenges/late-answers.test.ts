import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { hashManifest } from '../../inference/models/model-folder';
import { FINGERPRINT } from '../../protocol/compute/activation-fingerprint';
import { success } from '../../protocol/result';
import { systemRandom } from '../clock';
import { readConfig } from '../config';
import { silentLogger } from '../logger';
import { createServices, type CoordinatorServices } from '../services';
import type { Database } from '../storage/database-schema';
import { openTestDatabase } from '../testing/test-database';
import { testManifest } from '../testing/test-model';
import { insertTestNode } from '../testing/test-nodes';
import { ChallengeStore, type TaskRow } from './challenge-store';
import { IndependentHolders } from './independent-holders';
import { NO_OWN_RUNS, type ReferenceRuns } from './own-runs';
import { ProofService } from './proof-service';

const TIMEOUT_MS = 300_000;
const NODES = ['a', 'b', 'c'];

let nowMs: number;
let database: Database;
let close: () => Promise<void>;
let services: CoordinatorServices;

beforeEach(async () => {
  nowMs = Date.parse('2026-06-01T00:00:00Z');
  ({ database, close } = await openTestDatabase());
  const config = readConfig({ taskTimeoutSeconds: TIMEOUT_MS / 1_000, shardOfflineAfterSeconds: 86_400 });
  if (!config.ok) throw new Error(config.error.message);
  const surroundings = { clock: { nowMs: () => nowMs }, random: systemRandom, logger: silentLogger };
  services = createServices(config.value, 'test', database, surroundings);
  const manifest = testManifest();
  const manifestHash = hashManifest(manifest);
  const loaded = await services.catalogue.load(['/models/test'], () =>
    Promise.resolve(success({ manifest, manifestHash })),
  );
  if (!loaded.ok) throw new Error(loaded.error.message);
  services.registry.watchConnections(() => true);
  for (const nodeId of NODES) {
    await insertTestNode(database, nodeId);
    const registered = await services.shards.register(
      { node_id: nodeId, model_id: 'org/test-model', layer_start: 0, layer_end: 3 },
      { channel: 'ws', manifestHash },
    );
    if (!registered.ok) throw new Error(registered.error.message);
  }
});
afterEach(() => close());

/** Tasks without an answer, oldest first. */
function unanswered(): Promise<TaskRow[]> {
  return database
    .selectFrom('tasks')
    .selectAll()
    .where('status', '=', 'dispatched')
    .where('proof_json', 'is', null)
    .orderBy('created_at')
    .execute();
}

async function answer(task: TaskRow | undefined, value: number): Promise<void> {
  if (task === undefined) throw new Error('nobody was asked');
  const row = { indexes: [0, 1], values: [value, value / 2] };
  const proof = { precision: 'fp32' as const, rows: Array.from({ length: FINGERPRINT.rows }, () => row) };
  const result = { task_id: task.id, node_id: task.node_id, result_hash: 'proof', flops_delivered: 0 };
  expect(await services.challenges.answer({ ...result, execution_time_ms: 1, proof })).toMatchObject({ ok: true });
}

describe('a wrong answer to a proof', () => {
  it.each([
    ['at once', 0],
    ['in the middle of its time', TIMEOUT_MS / 2],
    ['just before its time is over', TIMEOUT_MS - 1],
  ])('is found when it comes %s, however long the third node takes', async (_when, lateMs) => {
    await services.challenges.push('a');
    const [honest, cheat] = await unanswered();
    await answer(honest, 1);
    nowMs += lateMs;
    await answer(cheat, 700);
    const [third] = await unanswered();
    nowMs += TIMEOUT_MS - 1;
    await services.challenges.expireOverdue();
    await answer(third, 1);
    const verdicts = await database.selectFrom('tasks').select(['node_id', 'status']).execute();
    expect(new Map(verdicts.map(({ node_id, status }) => [node_id, status]))).toEqual(
      new Map(NODES.map((nodeId) => [nodeId, nodeId === cheat?.node_id ? 'failed' : 'verified'])),
    );
  });

  it('leaves the two nobody could decide between without a verdict, and the third that stayed silent with one', async () => {
    await services.challenges.push('a');
    const [honest, cheat] = await unanswered();
    await answer(honest, 1);
    await answer(cheat, 700);
    const [third] = await unanswered();
    nowMs += TIMEOUT_MS;
    await services.challenges.expireOverdue();
    const left = await database.selectFrom('tasks').select(['node_id', 'status']).execute();
    expect(left).toEqual([{ node_id: third?.node_id, status: 'expired' }]);
  });

  it('is found when the own run of the coordinator ends after the time of the task', async () => {
    const row = (value: number) => ({ indexes: [0, 1], values: [value, value / 2] });
    const rows = (value: number) => Array.from({ length: FINGERPRINT.rows }, () => row(value));
    const clock = { nowMs: () => nowMs };
    const store = new ChallengeStore(database, clock, { changed: () => undefined });
    const runs: ReferenceRuns = {
      ...NO_OWN_RUNS,
      canRun: () => true,
      run: async () => {
        nowMs += TIMEOUT_MS / 2;
        await store.forgetUnmatched();
        return rows(1);
      },
    };
    const { registry, catalogue, nodes, config } = services;
    const holders = new IndependentHolders(nodes, registry, systemRandom);
    const parts = [store, holders, registry, catalogue, runs, config, clock, systemRandom, silentLogger] as const;
    const proofs = new ProofService(...parts);
    const [shard] = registry.shardsOfNode('a');
    if (shard === undefined) throw new Error('the node has no shard');
    const [task] = await proofs.create(shard);
    if (task === undefined) throw new Error('nobody was asked');
    nowMs += TIMEOUT_MS - 1;
    const { outcome } = await proofs.answer(task, { precision: 'fp32', rows: rows(700) });
    expect(outcome).toMatchObject({ kind: 'judged', own: { task: { node_id: 'a', status: 'failed' } } });
    expect(await store.find(task.id)).toMatchObject({ status: 'failed' });
  });
});
