import { join } from 'node:path';
import { expect, it } from 'vitest';
import { silentLogger } from '../logger';
import { tinyEngines } from '../test-doubles/tiny-engine';
import { ShardKeeper } from './shard-keeper';

it('fetches a model of a hub into a folder of its own and logs where it came from, without the token', async () => {
  const { start, engines } = tinyEngines();
  const logged: unknown[] = [];
  const logger = { ...silentLogger, info: (_message: string, fields?: object) => logged.push(fields) };
  const keeper = new ShardKeeper(start, '/data', logger, () => undefined);
  const request = { repository: 'test/tiny', revision: 'v1', accessToken: 'secret' };
  expect(await keeper.importHubModel(request, {})).toMatchObject({ ok: true });
  const folder = engines[0]?.imports[0]?.folder;
  expect(folder?.startsWith(join('/data', 'models', 'test-tiny-'))).toBe(true);
  expect(engines[0]?.imports).toEqual([{ ...request, folder }]);
  expect(logged).toEqual([
    { repository: 'test/tiny', revision: 'v1' },
    expect.objectContaining({ repository: 'test/tiny', source: engines[0]?.manifest.source }),
  ]);
  expect(JSON.stringify(logged)).not.toContain('secret');
});
