import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { TORE_TINY } from '../../inference/testdata/tore-tiny';
import { systemClock } from '../clock';
import { openTestDatabase } from '../testing/test-database';
import { loadManifestFromFolder } from './load-manifest';
import { ModelCatalogue } from './model-catalogue';

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
