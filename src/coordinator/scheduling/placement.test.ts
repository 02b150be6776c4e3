import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { testManifest } from '../testing/test-model';
import { layerStrengths } from './coverage';
import { CLEAR_GAIN, proposeMove, type PlacedRange } from './placement';
import { memoryRequiredBytes, suggestRange } from './suggest';

const LAYERS = 8;
const manifest = testManifest();
let counter = 0;
function held(layerStart: number, layerEnd: number, throughput = 1, nodeId = `n${(counter += 1)}`): PlacedRange {
  return { nodeId, layerStart, layerEnd, manifestHash: 'a', throughput };
}

const anyRange = fc
  .tuple(fc.nat(LAYERS - 1), fc.nat(LAYERS - 1), fc.constantFrom(0.1, 1, 4))
  .map(([one, two, throughput]) => held(Math.min(one, two), Math.max(one, two), throughput));
const anyRanges = fc.array(anyRange, { minLength: 1, maxLength: 12 });

describe('proposeMove', () => {
  it('moves a node that doubles a strong part to the weak one', () => {
    const spare = held(0, 3, 1, 'spare');
    const ranges = [held(0, 3, 4), spare, held(4, 7, 1)];
    expect(proposeMove(manifest, ranges, 'spare')).toEqual({ range: { layer_start: 4, layer_end: 7 }, gain: 2 });
  });

  it('moves nobody for little, or to where it is', () => {
    expect(proposeMove(manifest, [held(0, 3), held(0, 3, 0.2, 'spare'), held(4, 7)], 'spare')).toBeNull();
    expect(proposeMove(manifest, [held(0, 3, 1, 'a'), held(4, 7)], 'a')).toBeNull();
    expect(proposeMove(manifest, [held(0, 7)], 'unknown')).toBeNull();
  });

  it('fills what is missing without asking for a gain in numbers', () => {
    const spare = held(0, 3, 0.1, 'spare');
    expect(proposeMove(manifest, [held(0, 3, 4), spare], 'spare')).toMatchObject({
      range: { layer_start: 4, layer_end: 7 },
      gain: Infinity,
    });
  });

  it('leaves no gap, needs no more memory, and gains clearly', () => {
    fc.assert(
      fc.property(anyRanges, fc.nat(11), (ranges, index) => {
        const own = ranges[index % ranges.length];
        if (own === undefined) return;
        const move = proposeMove(manifest, ranges, own.nodeId);
        if (move === null) return;
        const others = ranges.filter((range) => range !== own);
        const while_ = layerStrengths(others, LAYERS);
        const before = layerStrengths(ranges, LAYERS);
        for (const [layer, strength] of before.entries()) if (strength > 0) expect(while_[layer]).toBeGreaterThan(0);
        const { layer_start: layerStart, layer_end: layerEnd } = move.range;
        const now = { layer_start: own.layerStart, layer_end: own.layerEnd };
        expect(memoryRequiredBytes(manifest, move.range)).toBeLessThanOrEqual(memoryRequiredBytes(manifest, now));
        const after = layerStrengths([...others, { ...own, layerStart, layerEnd }], LAYERS);
        const weakest = Math.min(...before);
        if (weakest > 0) expect(Math.min(...after)).toBeGreaterThanOrEqual(CLEAR_GAIN * weakest * (1 - 1e-9));
        else
          expect(after.filter((strength) => strength === 0).length).toBeLessThan(
            before.filter((strength) => strength === 0).length,
          );
      }),
      { numRuns: 400 },
    );
  });

  it('comes to rest: nodes that follow one after the other stop moving', () => {
    fc.assert(
      fc.property(anyRanges, (start) => {
        let ranges = [...start];
        let moves = 0;
        for (; moves < 60; moves += 1) {
          const next = ranges.map((range) => ({ range, move: proposeMove(manifest, ranges, range.nodeId) }));
          const first = next.find(({ move }) => move !== null);
          if (first?.move === undefined || first.move === null) break;
          const { layer_start: layerStart, layer_end: layerEnd } = first.move.range;
          ranges = ranges.map((range) => (range === first.range ? { ...range, layerStart, layerEnd } : range));
        }
        expect(moves).toBeLessThan(60);
      }),
    );
  });
});

describe('suggestRange by throughput', () => {
  it('sends a joiner to the weaker part, whoever holds it', () => {
    const ranges = [held(0, 3, 4), held(4, 7, 0.2), held(4, 7, 0.2)];
    const memory = memoryRequiredBytes(manifest, { layer_start: 0, layer_end: 3 }) + 1;
    expect(suggestRange(manifest, ranges, memory)).toEqual({ layer_start: 4, layer_end: 7 });
  });
});
