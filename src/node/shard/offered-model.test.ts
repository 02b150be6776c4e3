import { describe, expect, it } from 'vitest';
import { hashCanonical } from '../../inference/models/weight-index';
import { success, type Result } from '../../protocol/result';
import { tinyManifest } from '../test-doubles/tiny-model';
import { readOfferedModel } from './offered-model';

const manifest = { ...tinyManifest({}), source: 'https://mirror.example/tiny' };
const hash = hashCanonical(manifest);
const coordinator = { baseUrl: 'https://coordinator.example/', accessToken: 'secret' };

function coordinatorWith(listed: unknown, offered: unknown): (path: string) => Promise<Result<unknown>> {
  return async (path) => success(path === '/inference/models' ? listed : offered);
}

describe('a model of the coordinator’s list', () => {
  const listing = { models: [{ model_id: manifest.model_id, manifest_hash: hash }] };

  it('is fetched from the coordinator first, then from its source, which gets no token', async () => {
    expect(await readOfferedModel(manifest.model_id, coordinatorWith(listing, manifest), coordinator)).toEqual({
      ok: true,
      value: {
        manifest,
        manifestHash: hash,
        sources: [
          { baseUrl: `https://coordinator.example/inference/models/files/${hash}`, accessToken: 'secret' },
          { baseUrl: 'https://mirror.example/tiny' },
        ],
      },
    });
  });

  it('must be the one the list names', async () => {
    const other = { ...manifest, friendly_name: 'Another' };
    expect(await readOfferedModel(manifest.model_id, coordinatorWith(listing, other), coordinator)).toMatchObject({
      ok: false,
      error: { code: 'answer-invalid' },
    });
  });

  it.each([[{ models: [] }], [{}], [{ models: [{ model_id: manifest.model_id }] }]])(
    'is unknown where the list is %j',
    async (listed) => {
      expect(await readOfferedModel(manifest.model_id, coordinatorWith(listed, manifest), coordinator)).toMatchObject({
        ok: false,
        error: { code: 'model-unknown' },
      });
    },
  );
});
