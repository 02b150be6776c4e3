import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { addCosts, chooseCover, compareCosts, shardCost, type CoverCandidate, type CoverCost } from './cover';

function candidate(layerStart: number, layerEnd: number, more: Partial<CoverCandidate> = {}): CoverCandidate {
  return {
    nodeId: `${layerStart}-${layerEnd}`,
    layerStart,
    layerEnd,
    manifestHash: 'a',
    reliability: 1,
    multiplier: 1,
    activeRequests: 0,
    gridPriority: 0.5,
    starved: false,
    ...more,
  };
}

const rangesOf = (cover: readonly CoverCandidate[] | null): string | null =>
  cover === null ? null : cover.map((shard) => `${shard.layerStart}-${shard.layerEnd}`).join(' ');

/** Every exact tiling, by trying all continuations. */
function allTilings(shards: readonly CoverCandidate[], totalLayers: number): CoverCandidate[][] {
  const extend = (tiling: CoverCandidate[], next: number): CoverCandidate[][] => {
    if (next === totalLayers) return [tiling];
    return shards
      .filter((shard) => shard.layerStart === next && shard.layerEnd >= next)
      .filter((shard) => tiling.every((chosen) => chosen.manifestHash === shard.manifestHash))
      .flatMap((shard) => extend([...tiling, shard], shard.layerEnd + 1));
  };
  return extend([], 0);
}

function costOf(tiling: readonly CoverCandidate[]): CoverCost {
  const nothing = { hops: 0, notStarved: 0, time: 0, gridPenalty: 0 };
  return tiling.map(shardCost).reduceRight((sum, cost) => addCosts(cost, sum), nothing);
}

describe('chooseCover', () => {
  it('finds the tiling with fewest hops', () => {
    const shards = [candidate(0, 3), candidate(4, 7), candidate(0, 1), candidate(2, 7), candidate(0, 7)];
    expect(rangesOf(chooseCover(shards, 8))).toBe('0-7');
    expect(rangesOf(chooseCover(shards.slice(0, 2), 8))).toBe('0-3 4-7');
  });

  it('needs neighbours that meet exactly', () => {
    expect(chooseCover([candidate(0, 4), candidate(4, 7)], 8)).toBeNull();
    expect(chooseCover([candidate(0, 2), candidate(4, 7)], 8)).toBeNull();
    expect(chooseCover([], 8)).toBeNull();
  });

  it('never mixes manifests, and lets foreign shards join only their like', () => {
    const [left, right] = [candidate(0, 3), candidate(4, 7, { manifestHash: 'b' })];
    expect(chooseCover([left, right], 8)).toBeNull();
    expect(chooseCover([left, { ...right, manifestHash: null }], 8)).toBeNull();
    const foreign = [left, right].map((shard) => ({ ...shard, manifestHash: null }));
    expect(rangesOf(chooseCover(foreign, 8))).toBe('0-3 4-7');
  });

  it.each([
    ['reliability', { reliability: 0.9 }],
    ['multiplier', { multiplier: 0.5 }],
    ['load', { activeRequests: 1 }],
    ['grid', { gridPriority: 0.4 }],
  ])('prefers the node with better %s', (_name, worse) => {
    const [good, bad] = [candidate(0, 7, { nodeId: 'good' }), candidate(0, 7, { nodeId: 'bad', ...worse })];
    expect(chooseCover([bad, good], 8)?.[0]?.nodeId).toBe('good');
    expect(chooseCover([good, bad], 8)?.[0]?.nodeId).toBe('good');
  });

  it('gives a starved node its share before looking at speed, but not for more hops', () => {
    const slow = candidate(0, 7, { nodeId: 'slow', multiplier: 0.1, starved: true });
    expect(chooseCover([candidate(0, 7), slow], 8)?.[0]?.nodeId).toBe('slow');
    const split = [candidate(0, 3, { starved: true }), candidate(4, 7, { starved: true })];
    expect(rangesOf(chooseCover([candidate(0, 7), ...split], 8))).toBe('0-7');
  });

  it('is as good as the best of all tilings', () => {
    const shard = fc
      .record({
        bounds: fc.tuple(fc.nat(5), fc.nat(5)),
        manifestHash: fc.constantFrom('a', 'b', null),
        reliability: fc.constantFrom(0.5, 0.75, 1),
        multiplier: fc.constantFrom(0.1, 1, 8),
        activeRequests: fc.nat(2),
        gridPriority: fc.constantFrom(0, 0.5, 1),
        starved: fc.boolean(),
      })
      .map(({ bounds, ...more }) => candidate(Math.min(...bounds), Math.max(...bounds), more));
    fc.assert(
      fc.property(fc.array(shard, { maxLength: 12 }), (shards) => {
        const cover = chooseCover(shards, 6);
        const tilings = allTilings(shards, 6);
        expect(cover === null).toBe(tilings.length === 0);
        if (cover === null) return;
        expect(tilings.map((tiling) => rangesOf(tiling))).toContain(rangesOf(cover));
        for (const tiling of tilings) expect(compareCosts(costOf(cover), costOf(tiling))).toBeLessThanOrEqual(0);
      }),
    );
  });
});
