import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { testManifest } from '../testing/test-model';
import { choosePipeline } from './pipeline-choice';
import { testCandidate } from '../testing/test-shards';
import { reportCoverage, type HeldRange } from './coverage';
import { memoryRequiredBytes, suggestRange } from './suggest';

const manifest = testManifest();
const held = (layerStart: number, layerEnd: number, manifestHash: string | null = 'a'): HeldRange => ({
  layerStart,
  layerEnd,
  manifestHash,
});
const PLENTY = 1e12;

/** Memory for exactly these layers and not one more inside the model. */
function memoryFor(layerStart: number, layerEnd: number): number {
  return memoryRequiredBytes(manifest, { layer_start: layerStart, layer_end: layerEnd });
}

function suggested(ranges: readonly HeldRange[], memoryBytes: number): string | null {
  const range = suggestRange(manifest, ranges, memoryBytes);
  return range === null ? null : `${range.layer_start}-${range.layer_end}`;
}

describe('suggestRange', () => {
  it('gives the whole model to the first node with enough memory', () => {
    expect(suggested([], PLENTY)).toBe('0-7');
  });

  it('fills what is missing, no more, however much memory there is', () => {
    expect(suggested([held(0, 3)], PLENTY)).toBe('4-7');
    expect(suggested([held(4, 7)], PLENTY)).toBe('0-3');
    expect(suggested([held(0, 1), held(6, 7)], PLENTY)).toBe('2-5');
  });

  it('goes on where held layers end when not everything fits', () => {
    const three = memoryFor(2, 4) + 700_000;
    expect(suggested([], three)).toBe('0-2');
    expect(suggested([held(0, 2)], three)).toBe('3-5');
    expect(suggested([held(0, 2), held(3, 5)], three)).toBe('6-7');
  });

  it('joins shards that overlap and therefore make no pipeline', () => {
    expect(suggested([held(0, 4), held(4, 7)], PLENTY)).toBe('5-7');
    expect(suggested([held(0, 4), held(4, 7)], memoryFor(5, 5) + 1)).not.toBeNull();
    expect(suggested([held(0, 4), held(3, 7)], PLENTY)).toBe('0-2');
  });

  it('strengthens the weakest layers of a complete pipeline', () => {
    expect(suggested([held(0, 3), held(4, 7), held(0, 3)], PLENTY)).toBe('4-7');
    expect(suggested([held(0, 3), held(4, 7)], PLENTY)).toBe('0-7');
    expect(suggested([held(0, 3), held(4, 7)], memoryFor(0, 3))).toBe('0-3');
  });

  it('says so when not even one layer fits', () => {
    expect(suggested([], 1_000)).toBeNull();
  });

  it('fits the memory, and lets node after node complete a pipeline', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 2, max: 9 }), { minLength: 8, maxLength: 8 }), (sizes) => {
        const ranges: HeldRange[] = [];
        for (const size of sizes) {
          const memoryBytes = size * 1.3e6;
          const range = suggestRange(manifest, ranges, memoryBytes);
          if (range === null) throw new Error('a layer fits');
          expect(memoryRequiredBytes(manifest, range)).toBeLessThanOrEqual(memoryBytes);
          ranges.push(held(range.layer_start, range.layer_end));
        }
        const candidates = ranges.map((range, index) =>
          testCandidate(range.layerStart, range.layerEnd, { nodeId: String(index) }),
        );
        const wish = {
          firstLayer: 0,
          lastLayer: 7,
          precision: 'fp32',
          excluded: new Set<string>(),
          starvedBelow: 0,
        } as const;
        expect(choosePipeline(candidates, wish)).not.toBeNull();
      }),
    );
  });
});

describe('reportCoverage', () => {
  it('says what is missing, or that held layers do not join', () => {
    expect(reportCoverage([], 8, false)).toMatchObject({ layersCovered: 0, reason: expect.stringContaining('online') });
    expect(reportCoverage([held(0, 3), held(6, 6)], 8, false)).toEqual({
      available: false,
      layersCovered: 5,
      layersMissing: [4, 5, 7],
      reason: 'Layers 4-5, 7 of 8 are missing.',
    });
    expect(reportCoverage([held(0, 4), held(4, 7)], 8, false).reason).toContain('held layers do not join');
    expect(reportCoverage([held(0, 3, 'a'), held(4, 7, 'b')], 8, false).reason).toContain('different versions');
    expect(reportCoverage([held(0, 7)], 8, true)).toMatchObject({ available: true, layersMissing: [] });
  });
});
