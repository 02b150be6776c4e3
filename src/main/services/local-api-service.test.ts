import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { LocalApiSettings } from '../../contract/local-api-calls';
import { failure, success } from '../../protocol/result';
import { LocalApiService } from './local-api-service';

const silent = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };

let folder: string;
let settings: LocalApiSettings;
let disk: 'works' | 'full';
let service: LocalApiService;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tore-local-api-'));
  settings = { enabled: false, port: 18_471 };
  disk = 'works';
  service = new LocalApiService({
    node: {
      generate: async () => failure('not-connected', 'No connection.'),
      fetchJson: async () => success({ models: [{ model_id: 'tiny' }] }),
    },
    folder,
    settings: () => settings,
    saveSettings: (next) => {
      if (disk === 'full') return failure('settings-unwritable', 'The disk is full.');
      settings = next;
      return success(undefined);
    },
    now: () => 0,
    logger: silent,
  });
});
afterEach(async () => {
  await service.close();
  await rm(folder, { recursive: true, force: true });
});

/** The next port that is free. */
async function enable(): Promise<string> {
  for (let port = 18_471; port < 18_571; port += 1) {
    const result = await service.configure({ enabled: true, port });
    if (result.ok && result.value.baseUrl !== null) return result.value.baseUrl;
  }
  throw new Error('no free port');
}

it('is off until it is asked for, and lets a new key in at once', async () => {
  await service.start();
  expect(service.view()).toMatchObject({ baseUrl: null, error: null, keys: [] });
  const baseUrl = await enable();
  const made = await service.createKey('editor');
  if (!made.ok) throw new Error(made.error.message);
  const list = (key: string): Promise<Response> =>
    fetch(`${baseUrl}/models`, { headers: { authorization: `Bearer ${key}` } });
  expect(await (await list(made.value.key)).json()).toMatchObject({ data: [{ id: 'tiny' }] });
  await service.removeKey(made.value.view.keys[0]?.id ?? '');
  expect((await list(made.value.key)).status).toBe(401);
  await service.configure({ ...settings, enabled: false });
  await expect(list(made.value.key)).rejects.toThrow('fetch failed');
});

it('shows why it cannot listen', async () => {
  const baseUrl = await enable();
  const other = new LocalApiService({
    node: { generate: async () => failure('x', 'x'), fetchJson: async () => success(null) },
    folder,
    settings: () => ({ enabled: true, port: Number(new URL(baseUrl).port) }),
    saveSettings: () => success(undefined),
    now: () => 0,
    logger: silent,
  });
  await other.start();
  expect(other.view()).toMatchObject({ baseUrl: null, error: { code: 'listen-failed' } });
  await other.close();
});

it('stays closed when its keys cannot be read or the settings not be saved', async () => {
  await writeFile(join(folder, 'api-keys.json'), 'not a list');
  const opened = await service.configure({ enabled: true, port: 18_600 });
  expect(opened).toMatchObject({ ok: true, value: { baseUrl: null, error: { code: 'data-unreadable' } } });
  disk = 'full';
  expect(await service.configure({ enabled: false, port: 18_600 })).toMatchObject({ ok: false });
  expect(settings.enabled).toBe(true);
});
