import { tmpdir } from 'node:os';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { HubServer } from '../../../inference/testdata/hub-server';
import { failure, success } from '../../../protocol/result';
import { HubImports } from './hub-imports';

const FILES = new Map([
  ['config.json', Buffer.from('{}')],
  ['tokenizer.json', Buffer.from('{}')],
  ['model.safetensors', Buffer.alloc(1_000)],
]);

let hub: HubServer;
let secrets: Map<string, string>;
let imports: HubImports;

beforeEach(async () => {
  hub = await HubServer.start('someone/tiny', FILES);
  hub.token = 'lent';
  secrets = new Map();
  imports = new HubImports({
    shelf: { take: async () => failure('model-invalid', 'unused'), view: () => Promise.reject(new Error('unused')) },
    nodeFolder: tmpdir(),
    vault: {
      has: (name) => secrets.has(name),
      read: (name) => success(secrets.get(name) ?? ''),
      write: async (name, value) => {
        secrets.set(name, value);
        return success(undefined);
      },
    },
  });
});

afterEach(() => hub.stop());

it('says what a hub has, and keeps the token for that hub alone', async () => {
  const choice = { name: 'someone/tiny', endpoint: hub.url, accessToken: 'lent' };
  const found = { repository: 'someone/tiny', commit: hub.commit, licence: 'apache-2.0', files: 3, totalBytes: 1_004 };
  expect(await imports.look(choice)).toMatchObject({ ok: true, value: found });
  expect([...secrets]).toEqual([[`hub-token:${hub.url}`, 'lent']]);
  expect(await imports.look({ ...choice, accessToken: null })).toMatchObject({ ok: true, value: found });
});

it('passes on the refusal of a hub with what to do about it', async () => {
  const refused = await imports.look({ name: 'someone/tiny', endpoint: hub.url, accessToken: null });
  expect(refused).toMatchObject({
    ok: false,
    error: { code: 'source-failed', suggestion: expect.stringContaining('access token') },
  });
});

it('refuses what names no model before anybody is asked', async () => {
  const refused = await imports.look({ name: 'someone', endpoint: hub.url, accessToken: 'lent' });
  expect(refused).toMatchObject({ ok: false, error: { code: 'model-invalid' } });
  expect(hub.requests).toEqual([]);
  expect(secrets.size).toBe(0);
});
