import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { hashManifest } from '../../inference/models/model-folder';
import { FINGERPRINT } from '../../protocol/compute/activation-fingerprint';
import { success } from '../../protocol/result';
import { systemClock, systemRandom } from '../clock';
import { readConfig } from '../config';
import { silentLogger } from '../logger';
import { createServices, type CoordinatorServices } from '../services';
import type { Database } from '../storage/database-schema';
import { openTestDatabase } from '../testing/test-database';
import { testManifest } from '../testing/test-model';
import { insertTestNode } from '../testing/test-nodes';

/* A message may hold fields nobody knows, and one of them may be as large as the message: what is kept of it is not. */

const MORE = 'x'.repeat(1_000_000);

let database: Database;
let close: () => Promise<void>;
let services: CoordinatorServices;

beforeEach(async () => {
  ({ database, close } = await openTestDatabase());
  const config = readConfig({});
  if (!config.ok) throw new Error(config.error.message);
  const surroundings = { clock: systemClock, random: systemRandom, logger: silentLogger };
  services = createServices(config.value, 'test', database, surroundings);
  const manifest = testManifest();
  const loaded = await services.catalogue.load(['/models/test'], () =>
    Promise.resolve(success({ manifest, manifestHash: hashManifest(manifest) })),
  );
  if (!loaded.ok) throw new Error(loaded.error.message);
  services.registry.watchConnections(() => true);
});
afterEach(() => close());

async function registerShard(nodeId: string, transport: object): Promise<void> {
  await insertTestNode(database, nodeId);
  const offer = { transport: 'ws-relay', version: '1', priority: 1, ...transport };
  const shard = { node_id: nodeId, model_id: 'org/test-model', layer_start: 0, layer_end: 3, transports: [offer] };
  const manifestHash = hashManifest(testManifest());
  expect(await services.shards.register(shard, { channel: 'ws', manifestHash })).toMatchObject({ ok: true });
}

describe('fields nobody knows', () => {
  it('are not kept of the hardware of a node', async () => {
    const hardware = {
      cpu_model: 'c',
      cpu_cores: 4,
      ram_gb: 8,
      matmul_score: 1,
      memory_score: 1,
      latency_score: 1,
      fingerprint: 'f',
    };
    const registration = { public_key: 'k', hardware_profile: { ...hardware, more: MORE } };
    const registered = await services.nodeService.register(registration);
    if (!registered.ok) throw new Error(registered.error.message);
    const { id } = registered.value;
    expect(await services.nodeService.updateHardware(id, registration)).toMatchObject({ ok: true });
    const row = await services.nodes.find(id);
    expect(JSON.parse(row?.hardware_json ?? '')).toEqual(hardware);
  });

  it('are not kept of the transports of a shard', async () => {
    await registerShard('a', { more: MORE });
    expect(services.registry.shardsOfNode('a')).toMatchObject([{ layerStart: 0, layerEnd: 3 }]);
    expect(services.registry.shardsOfNode('a')[0]?.transports).toEqual([
      { transport: 'ws-relay', version: '1', priority: 1 },
    ]);
  });

  it('are not kept of an answer to a proof', async () => {
    await registerShard('a', {});
    await registerShard('b', {});
    await services.challenges.push('a');
    const task = await database.selectFrom('tasks').selectAll().where('node_id', '=', 'a').executeTakeFirstOrThrow();
    const row = { indexes: [0, 1], values: [1, 0.5] };
    const rows = Array.from({ length: FINGERPRINT.rows }, () => row);
    const proof = { precision: 'fp32' as const, rows: rows.map((each) => ({ ...each, more: MORE })), more: MORE };
    const result = { task_id: task.id, node_id: 'a', result_hash: 'proof', flops_delivered: 0, execution_time_ms: 1 };
    expect(await services.challenges.answer({ ...result, proof })).toMatchObject({ ok: true });
    const { proof_json: kept } = await database
      .selectFrom('tasks')
      .select('proof_json')
      .where('id', '=', task.id)
      .executeTakeFirstOrThrow();
    expect(JSON.parse(kept ?? '')).toEqual({ precision: 'fp32', rows });
  });
});
