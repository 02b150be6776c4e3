import { describe, expect, it } from 'vitest';
import { hashCanonical } from '../../inference/models/weight-index';
import { success, type Result } from '../../protocol/result';
import { tinyManifest } from '../test-doubles/tiny-model';
import { readOfferedModel } from './offered-model';

const manifest = { ...tinyManifest({}), source: 'https://mirror.example/tiny' };
const hash = hashCanonical(manifest);
const coordinator = { baseUrl: 'https://coordinator.example/', accessToken: 'secret' };

function coordinatorWith(
  listed: unknown,
  offered: unknown,
  registry: unknown = {},
): (path: string) => Promise<Result<unknown>> {
  return async (path) => {
    if (path === '/inference/shards/registry') return success(registry);
    return success(path === '/inference/models' ? listed : offered);
  };
}

/** A node's shard as the coordinator lists it. */
function shardAt(host: string | null, changes: object = {}): object {
  return {
    shard_id: 's',
    node_id: 'n',
    model_id: manifest.model_id,
    layer_start: 0,
    layer_end: 1,
    layer_count: 2,
    is_online: true,
    vram_gb: 1,
    region: null,
    host,
    port: null,
    transports: [{ transport: 'layers-http', version: '1', port: 8_473, priority: 30 }],
    manifest_hash: hash,
    ...changes,
  };
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

  it('is fetched from nodes that share the same model as well, between coordinator and source', async () => {
    const relay = { transport: 'ws-relay', version: '1', priority: 10 };
    const shards = [
      shardAt('10.0.0.7'),
      shardAt('10.0.0.7'),
      shardAt('fd00::1', { node_id: 'm' }),
      shardAt(null),
      shardAt('10.0.0.8', { is_online: false }),
      shardAt('10.0.0.9', { manifest_hash: 'f'.repeat(64) }),
      shardAt('10.0.0.10', { transports: [relay] }),
      shardAt('evil/../path'),
    ];
    const registry = { summary: {}, models: [], shards, total_nodes: 1, total_shards: shards.length };
    const offered = await readOfferedModel(
      manifest.model_id,
      coordinatorWith(listing, manifest, registry),
      coordinator,
    );
    const [first, ...others] = offered.ok ? offered.value.sources.map(({ baseUrl }) => baseUrl) : [];
    expect(first).toContain('coordinator.example');
    expect(others.at(-1)).toBe('https://mirror.example/tiny');
    expect(others.slice(0, -1).sort()).toEqual([
      `http://10.0.0.7:8473/inference/models/files/${hash}`,
      `http://[fd00::1]:8473/inference/models/files/${hash}`,
    ]);
  });

  it('must be the one the list names', async () => {
    const other = { ...manifest, friendly_name: 'Another' };
    expect(await readOfferedModel(manifest.model_id, coordinatorWith(listing, other), coordinator)).toMatchObject({
      ok: false,
      error: { code: 'answer-invalid' },
    });
  });

  it.each([
    ['goes by the name of another model', { ...manifest, model_id: 'org/other' }],
    ['has layers of sizes that add up to no number', { ...manifest, bytes_per_layer: [1e308, 1e308, 1e308, 1e308] }],
  ])('is refused where it %s', async (_, other) => {
    const named = { models: [{ model_id: manifest.model_id, manifest_hash: hashCanonical(other) }] };
    expect(await readOfferedModel(manifest.model_id, coordinatorWith(named, other), coordinator)).toMatchObject({
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
