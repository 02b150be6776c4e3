import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { HubServer } from '../../inference/testdata/hub-server';
import { silentLogger } from '../logger';
import { tinyEngines } from '../test-doubles/tiny-engine';
import { reportShard } from './served-shard';
import { ShardKeeper } from './shard-keeper';

const FILES = new Map([
  ['config.json', Buffer.from('{}')],
  ['tokenizer.json', Buffer.from('{}')],
  ['model.safetensors', Buffer.alloc(1_000)],
]);

let hub: HubServer;

beforeEach(async () => {
  hub = await HubServer.start('test/tiny', FILES);
  hub.token = 'secret';
});

afterEach(() => hub.stop());

function keeperThatLogs() {
  const { start, engines } = tinyEngines();
  const logged: unknown[] = [];
  const logger = { ...silentLogger, info: (_message: string, fields?: object) => logged.push(fields) };
  return { keeper: new ShardKeeper(start, '/data', logger, () => undefined), engines, logged };
}

it('fetches a model of a hub into a folder of its own, after its size and licence were logged without the token', async () => {
  const { keeper, engines, logged } = keeperThatLogs();
  const request = { repository: 'test/tiny', endpoint: hub.url, accessToken: 'secret' };
  expect(await keeper.importHubModel(request, {})).toMatchObject({ ok: true });
  const folder = engines[0]?.imports[0]?.folder;
  expect(folder?.startsWith(join('/data', 'models', 'test-tiny-'))).toBe(true);
  expect(engines[0]?.imports).toEqual([{ ...request, folder }]);
  expect(logged).toEqual([{ repository: 'test/tiny', commit: hub.commit, licence: 'apache-2.0', totalBytes: 1_004 }]);
});

it('starts no engine for a model the hub refuses', async () => {
  const { keeper, engines, logged } = keeperThatLogs();
  const refused = await keeper.importHubModel({ repository: 'test/tiny', endpoint: hub.url }, {});
  expect(refused).toMatchObject({ ok: false, error: { code: 'source-failed' } });
  expect([engines.length, logged.length]).toEqual([0, 0]);
});

it('loads over the devices of a plan, says why others rest, and keeps the files of every part', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'tore-keeper-'));
  try {
    const { start, engines } = tinyEngines();
    const keeper = new ShardKeeper(start, folder, silentLogger, () => undefined);
    const model = await keeper.readModel('/models/tiny', {});
    if (!model.ok) throw new Error(model.error.message);
    const devices = [
      { provider: 'cuda', deviceId: 1, memoryBudgetBytes: 500 },
      { provider: 'cpu', memoryBudgetBytes: 1_000 },
    ];
    const loaded = await keeper.load(
      {
        model: model.value,
        chosen: { range: { layer_start: 0, layer_end: 3 }, chosenBy: 'user' },
        precision: 'fp32',
        memoryBudgetBytes: 1_000,
        cpuThreads: null,
        providers: null,
        devices,
        deviceReasons: ['Card is not used.'],
        mayUseCpu: true,
        mayShrink: false,
      },
      {},
    );
    if (!loaded.ok) throw new Error(loaded.error.message);
    expect(engines[0]?.loads[0]?.devices).toEqual(devices);
    const report = reportShard(loaded.value);
    expect(report.providerReasons).toEqual(['Card is not used.']);
    expect(report.segments).toEqual([
      { device: 'cuda:1', range: { layer_start: 0, layer_end: 1 }, memoryBytes: 200 },
      { device: 'cpu', range: { layer_start: 2, layer_end: 3 }, memoryBytes: 200 },
    ]);
    for (const name of ['tiny-0-1', 'tiny-2-3', 'tiny-0-3'])
      await mkdir(join(folder, 'shards', name), { recursive: true });
    await keeper.removeCutShards();
    expect((await readdir(join(folder, 'shards'))).sort()).toEqual(['tiny-0-1', 'tiny-2-3']);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
