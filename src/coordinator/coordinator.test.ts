import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { DatabaseSync } from '@photostructure/sqlite';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createCoordinator, releaseHeldNode } from './coordinator';
import { callAt, get, MODEL, post, registerNode, registration, shard } from './testing/foreign-client';
import { startTestCoordinator, type TestCoordinator } from './testing/start-coordinator';
import { freshLocation, testEngine, type TestLocation } from './testing/test-database';

let folder = '';
/** A database that outlives the coordinators of one test. */
let storage: TestLocation;
const running: TestCoordinator[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tore-coordinator-'));
  const file = join(folder, 'c.db');
  storage =
    testEngine() === 'sqlite'
      ? { location: file, options: { databaseFile: file }, drop: () => Promise.resolve() }
      : await freshLocation();
});
afterEach(async () => {
  for (const target of running.splice(0)) await target.coordinator.stop();
  await storage.drop();
  await rm(folder, { recursive: true, force: true });
});

async function start(options: Parameters<typeof startTestCoordinator>[0] = {}): Promise<TestCoordinator> {
  const target = await startTestCoordinator({ ...storage.options, ...options });
  running.push(target);
  callAt(target.url);
  return target;
}

describe.runIf(testEngine() === 'sqlite')('starting', () => {
  it('says which port is taken', async () => {
    const other = createServer();
    await new Promise<void>((listening) => {
      other.listen(0, '127.0.0.1', listening);
    });
    const { port } = other.address() as AddressInfo;
    const started = await createCoordinator({ databaseFile: ':memory:', port }).start();
    expect(started).toMatchObject({
      ok: false,
      error: { code: 'port-in-use', message: expect.stringContaining(String(port)) as string },
    });
    other.close();
  });

  it('says when the database cannot be written', async () => {
    const started = await createCoordinator({ databaseFile: join(folder, 'none', 'c.db') }).start();
    expect(started).toMatchObject({ ok: false, error: { code: 'database-unwritable' } });
  });

  it('leaves a file alone that is no database', async () => {
    const file = join(folder, 'notes.db');
    await writeFile(file, 'these are notes, not a database. '.repeat(100));
    const started = await createCoordinator({ databaseFile: file }).start();
    expect(started).toMatchObject({ ok: false, error: { code: 'database-corrupt' } });
    expect(await readFile(file, 'utf8')).toContain('these are notes');
  });

  it('leaves a database alone that a newer version made', async () => {
    const file = join(folder, 'c.db');
    const database = new DatabaseSync(file);
    database.exec('pragma user_version = 999');
    database.close();
    const started = await createCoordinator({ databaseFile: file }).start();
    expect(started).toMatchObject({
      ok: false,
      error: { code: 'database-newer', message: expect.stringContaining('999') as string },
    });
  });

  it('names a setting or a model folder that cannot be used', async () => {
    expect(await createCoordinator({ databaseFile: ':memory:', heartbeatSeconds: 0 }).start()).toMatchObject({
      ok: false,
      error: { code: 'config-invalid', message: expect.stringContaining('heartbeatSeconds') as string },
    });
    expect(await createCoordinator({ databaseFile: ':memory:', modelFolders: [folder] }).start()).toMatchObject({
      ok: false,
      error: { code: 'model-invalid', message: expect.stringContaining(folder) as string },
    });
  });

  it('reads the model that ships with the app', async () => {
    const coordinator = createCoordinator({
      databaseFile: ':memory:',
      modelFolders: [resolve(import.meta.dirname, '../../resources/models/tore-tiny')],
    });
    const started = await coordinator.start();
    if (!started.ok) throw new Error(started.error.message);
    callAt(started.value.url);
    expect((await get('/inference/models')).body['models']).toMatchObject([{ model_id: 'tore-tiny', total_layers: 8 }]);
    await coordinator.stop();
    await coordinator.stop();
  });
});

describe('restarting', () => {
  it('keeps its id, nodes, balances and ledger, and forgets shards', async () => {
    const first = await start();
    const id = await registerNode('key-a');
    await post('/inference/shards/register', shard(id, 0, 7));
    await post('/tokens/redeem', { node_id: id, model_id: MODEL, output_tokens: 50, inference_request_id: 'r' });
    const before = await get(`/tokens/${id}/balance`);
    await post('/grid/states/update?region=US-NY&load_factor=0&carbon_intensity=0&renewable_fraction=1');
    await running.pop()?.coordinator.stop();

    const second = await start();
    expect(second.coordinatorId).toBe(first.coordinatorId);
    expect(await get(`/tokens/${id}/balance`)).toEqual(before);
    expect((await get('/tokens/ledger/verify')).body).toMatchObject({ chain_valid: true, total_entries: 2 });
    expect((await post('/nodes/register', registration('key-a'))).status).toBe(409);
    expect((await post(`/inference/shards/heartbeat/${id}`)).status).toBe(404);
    expect((await get('/grid/score/US-NY')).body).toMatchObject({ grid_score: 1, source: 'update' });
  });

  it('lets the operator release a held node from outside', async () => {
    await start();
    const id = await registerNode('key-a');
    for (const fingerprint of ['x', 'y', 'z']) {
      await post(`/nodes/${id}/hardware-update`, registration('key-a', { fingerprint }));
    }
    expect((await get(`/nodes/${id}`)).body['status']).toBe('suspended');
    expect(await releaseHeldNode(storage.location, id)).toMatchObject({ ok: true });
    expect((await get(`/nodes/${id}`)).body['status']).toBe('active');
  });
});

describe.runIf(testEngine() === 'sqlite')('trouble with the database', () => {
  it('answers 503 while another program holds it, and goes on afterwards', async () => {
    await start();
    const id = await registerNode('key-a');
    const other = new DatabaseSync(join(folder, 'c.db'));
    other.exec('begin immediate');
    const refused = await post('/nodes/register', registration('key-b'));
    expect(refused).toMatchObject({ status: 503, body: { code: 'storage-busy' } });
    other.exec('rollback');
    other.close();
    expect((await post('/nodes/register', registration('key-b'))).status).toBe(201);
    expect((await get(`/nodes/${id}`)).status).toBe(200);
  });
});
