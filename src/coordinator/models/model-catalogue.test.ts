import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { TORE_TINY } from '../../inference/testdata/tore-tiny';
import { systemClock } from '../clock';
import { openTestDatabase } from '../testing/test-database';
import { loadManifestFromFolder } from './load-manifest';
import { MAX_INTRODUCED_CHARACTERS, MAX_INTRODUCED_MODELS, ModelCatalogue } from './model-catalogue';

it('knows the end tokens of a model whose files the operator has, and leaves its manifest as it is', async () => {
  const { database, close } = await openTestDatabase();
  const catalogue = new ModelCatalogue(database, { acceptedModels: [] }, systemClock);
  expect(await catalogue.load([TORE_TINY], loadManifestFromFolder)).toMatchObject({ ok: true });
  const [model] = catalogue.all();
  const config = JSON.parse(await readFile(join(TORE_TINY, 'config.json'), 'utf8')) as Record<string, unknown>;
  expect(model?.endTokenIds).toEqual([config['eos_token_id']].flat());
  expect(model?.manifest).not.toHaveProperty('end_token_ids');
  await close();
});

it('forgets models that nobody holds where a new one needs their place, and takes no endless manifests', async () => {
  const { database, close } = await openTestDatabase();
  const loaded = await loadManifestFromFolder(TORE_TINY);
  if (!loaded.ok) throw new Error(loaded.error.message);
  const bring = (id: string, changes: object = {}): ReturnType<ModelCatalogue['resolve']> =>
    catalogue.resolve(id, null, { ...loaded.value.manifest, model_id: id, ...changes });
  const catalogue = new ModelCatalogue(database, { acceptedModels: 'any' }, systemClock);
  const held = new Set(['model-0']);
  catalogue.watchHolders(({ manifest }) => held.has(manifest.model_id));
  expect(await bring('endless', { chat_template: 'x'.repeat(MAX_INTRODUCED_CHARACTERS) })).toMatchObject({
    ok: false,
    error: { code: 'model-refused' },
  });
  for (let count = 0; count < MAX_INTRODUCED_MODELS; count += 1) await bring(`model-${count}`);
  expect(await bring('one-more')).toMatchObject({ ok: true });
  expect(['model-0', 'model-1', 'model-2', 'one-more'].map((id) => catalogue.find(id) !== undefined)).toEqual([
    true,
    false,
    true,
    true,
  ]);
  const again = new ModelCatalogue(database, { acceptedModels: 'any' }, systemClock);
  await again.loadIntroduced();
  expect(
    again
      .all()
      .map(({ manifest }) => manifest.model_id)
      .sort(),
  ).toEqual(
    catalogue
      .all()
      .map(({ manifest }) => manifest.model_id)
      .sort(),
  );
  for (const { manifest } of catalogue.all()) held.add(manifest.model_id);
  expect(await bring('too-many')).toMatchObject({ ok: false, error: { code: 'model-refused' } });
  await close();
});
