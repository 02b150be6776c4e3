import { access, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { HUB_MODELS_FOLDER, hubModelBytes, removeHubModel } from './fetched-models';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tore-fetched-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

it('counts models of hubs, and deletes one of them', async () => {
  const model = join(folder, HUB_MODELS_FOLDER, 'someone-tiny-12345678');
  await mkdir(model, { recursive: true });
  await writeFile(join(model, 'weights'), 'x'.repeat(10));
  expect(await hubModelBytes(folder)).toEqual(new Map([[model, 10]]));
  expect(await removeHubModel(folder, model)).toBe(true);
  expect(await hubModelBytes(folder)).toEqual(new Map());
});

it('leaves every folder alone that is not one of them', async () => {
  await mkdir(join(folder, HUB_MODELS_FOLDER), { recursive: true });
  const own = join(folder, 'my-model');
  await mkdir(own);
  for (const path of [
    own,
    folder,
    join(folder, HUB_MODELS_FOLDER),
    join(folder, HUB_MODELS_FOLDER, '..', 'my-model'),
  ]) {
    expect(await removeHubModel(folder, path)).toBe(false);
  }
  await expect(access(own)).resolves.toBeUndefined();
});
