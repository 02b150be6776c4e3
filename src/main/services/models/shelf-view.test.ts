import { describe, expect, it } from 'vitest';
import { DEFAULT_SETTINGS } from '../../../contract/settings';
import type { ModelSummary } from '../../../contract/snapshot';
import { tinyManifest } from '../../../node/test-doubles/tiny-model';
import { shelfModels, type ShelfFacts } from './shelf-view';

const HASH = 'ab'.repeat(32);
const OTHER_HASH = 'cd'.repeat(32);
const manifest = { ...tinyManifest(), model_id: 'tiny', friendly_name: 'Tiny' };
const listing = (modelId: string): ModelSummary => ({
  modelId,
  friendlyName: modelId,
  totalLayers: 4,
  pipelineAvailable: true,
  onlineShards: 2,
});
const facts = (changes: Partial<ShelfFacts>): ShelfFacts => ({
  shipped: null,
  locals: [],
  listed: [],
  offered: new Map(),
  downloads: [],
  downloadOf: () => null,
  fetched: [],
  hubBytes: new Map(),
  contribution: DEFAULT_SETTINGS.contribution,
  ...changes,
});
const keys = (changes: Partial<ShelfFacts>): string[] => shelfModels(facts(changes)).map(({ key }) => key);
const shipped = { folder: '/app/tiny', manifestHash: HASH, manifest };
const known = (manifestHash: string) => ({ kind: 'known', manifest, manifestHash }) as const;

describe('the shelf of models', () => {
  it('shows a model once that is here and offered too', () => {
    const models = shelfModels(
      facts({ shipped, listed: [listing('tiny')], offered: new Map([['tiny', known(HASH)]]) }),
    );
    expect(models).toMatchObject([{ key: 'shipped', listed: true, onlineShards: 2, chosen: true }]);
  });

  it('shows both where the coordinator offers another one under that name', () => {
    expect(keys({ shipped, listed: [listing('tiny')], offered: new Map([['tiny', known(OTHER_HASH)]]) })).toEqual([
      'shipped',
      'offered:tiny',
    ]);
  });

  it('keeps the one that is to be served, also when it could be had here', () => {
    const contribution = { ...DEFAULT_SETTINGS.contribution, modelId: 'tiny' };
    const models = shelfModels(
      facts({ shipped, listed: [listing('tiny')], offered: new Map([['tiny', known(HASH)]]), contribution }),
    );
    expect(models.map(({ key, chosen }) => [key, chosen])).toEqual([
      ['shipped', false],
      ['offered:tiny', true],
    ]);
  });

  it('says why a model cannot be fetched, and what takes room without being offered', () => {
    const models = shelfModels(
      facts({
        listed: [listing('far')],
        offered: new Map([['far', { kind: 'unknown', problem: 'It offers no files.' }]]),
        fetched: [
          { manifestHash: OTHER_HASH, manifest: null, diskBytes: 7 },
          { manifestHash: HASH, manifest, diskBytes: 5 },
        ],
      }),
    );
    expect(models).toMatchObject([
      { key: 'offered:far', problem: 'It offers no files.', diskBytes: 0 },
      { key: `fetched:${OTHER_HASH}`, diskBytes: 7, listed: false },
      { key: `fetched:${HASH}`, friendlyName: 'Tiny', diskBytes: 5 },
    ]);
  });

  it('counts what was fetched to the offered model', () => {
    const models = shelfModels(
      facts({
        listed: [listing('tiny')],
        offered: new Map([['tiny', known(HASH)]]),
        fetched: [{ manifestHash: HASH, manifest, diskBytes: 5 }],
      }),
    );
    expect(models).toMatchObject([{ key: 'offered:tiny', diskBytes: 5, storedBytes: 4 * 100 + 20 }]);
  });
});
