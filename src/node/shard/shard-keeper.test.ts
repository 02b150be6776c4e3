import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { HubServer } from '../../inference/testdata/hub-server';
import { silentLogger } from '../logger';
import { tinyEngines } from '../test-doubles/tiny-engine';
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
