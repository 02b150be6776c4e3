import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createCoordinator, type Coordinator } from '..';

const MODEL_FOLDER = resolve(import.meta.dirname, '../../../resources/models/tore-tiny');
const headers = { authorization: 'Bearer a-secret-token' };

let coordinator: Coordinator;
let base = '';

beforeAll(async () => {
  coordinator = createCoordinator({
    databaseFile: ':memory:',
    accessToken: 'a-secret-token',
    modelFolders: [MODEL_FOLDER],
  });
  const started = await coordinator.start();
  if (!started.ok) throw new Error(started.error.message);
  const { url } = started.value;
  const listing = (await (await fetch(`${url}/inference/models`, { headers })).json()) as {
    models: { manifest_hash: string }[];
  };
  base = `${url}/inference/models/files/${listing.models[0]?.manifest_hash}`;
});
afterAll(() => coordinator.stop());

it('offers the files of its models, whole and in parts', async () => {
  const weights = await readFile(join(MODEL_FOLDER, 'model.safetensors'));
  const whole = await fetch(`${base}/model.safetensors`, { headers });
  expect(Buffer.from(await whole.arrayBuffer()).equals(weights)).toBe(true);
  const part = await fetch(`${base}/model.safetensors`, { headers: { ...headers, range: 'bytes=1000-1999' } });
  expect(part.status).toBe(206);
  expect(part.headers.get('content-range')).toBe(`bytes 1000-1999/${weights.length}`);
  expect(Buffer.from(await part.arrayBuffer()).equals(weights.subarray(1_000, 2_000))).toBe(true);
  const behind = await fetch(`${base}/model.safetensors`, { headers: { ...headers, range: 'bytes=99999999-' } });
  expect(behind.status).toBe(416);
});

it('offers the manifest and the index of the weights', async () => {
  const manifest = await (await fetch(`${base}/tore-manifest.json`, { headers })).json();
  expect(manifest).toMatchObject({ model_id: 'tore-tiny', weights_sha256: expect.stringMatching(/^[0-9a-f]{64}$/) });
  const index = await (await fetch(`${base}/tore-weights.json`, { headers })).json();
  expect(index).toMatchObject({ files: [{ path: 'model.safetensors' }] });
});

it.each(['golden.json', '../tore-tiny/config.json', '..%2f..%2f..%2fpackage.json', 'README.md', ''])(
  'offers nothing else: "%s"',
  async (path) => {
    const response = await fetch(`${base}/${path}`, { headers });
    expect([404, 422]).toContain(response.status);
  },
);

it('asks for the access token', async () => {
  expect((await fetch(`${base}/config.json`)).status).toBe(401);
});
