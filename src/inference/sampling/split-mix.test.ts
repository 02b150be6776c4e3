import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { drawUniform, splitMix64 } from './split-mix';

describe('splitMix64', () => {
  it('gives the published sequence of the seed 1234567', () => {
    expect([0, 1, 2, 3, 4].map((index) => splitMix64(1_234_567n, index))).toEqual([
      6_457_827_717_110_365_317n,
      3_203_168_211_198_807_973n,
      9_817_491_932_198_370_423n,
      4_593_380_528_125_082_431n,
      16_408_922_859_458_223_821n,
    ]);
  });
});

describe('drawUniform', () => {
  it('stays in [0, 1)', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2 ** 32 - 1 }), fc.nat(), (seed, index) => {
        const value = drawUniform(seed, index);
        expect(value).toBeGreaterThanOrEqual(0);
        expect(value).toBeLessThan(1);
      }),
    );
  });

  it('spreads evenly', () => {
    const bins = Array.from({ length: 10 }, () => 0);
    for (let index = 0; index < 10_000; index++) {
      const bin = Math.floor(drawUniform(42, index) * 10);
      bins[bin] = (bins[bin] ?? 0) + 1;
    }
    // Five standard deviations of a binomial count around 1,000; the seed is fixed, so this cannot flicker.
    for (const count of bins) expect(Math.abs(count - 1_000)).toBeLessThan(150);
  });
});
