import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { layers } from '../testdata/tore-tiny';
import { checkMemoryBudget, estimateShard } from './estimate-shard';
import { fitModel } from './fit-model';

/** Llama 3.1 8B. */
const SHAPE = {
  layers: 32,
  hidden_size: 4_096,
  feed_forward_size: 14_336,
  attention_heads: 32,
  key_value_heads: 8,
  head_size: 128,
  vocabulary_size: 128_256,
  context_length: 131_072,
};
const GIB = 2 ** 30;
const measured = { memoryGigabytesPerSecond: 20, matmulGflopsPerSecond: 200 };

describe('fitModel', () => {
  it('says in numbers what fits on each device, and in which precision', () => {
    const fits = fitModel(SHAPE, [
      { device: 'cpu', budgetBytes: 8 * GIB, measured },
      { device: 'card', budgetBytes: 40 * GIB },
    ]);
    const of = (device: string, precision: string) =>
      fits.find((fit) => fit.device === device && fit.precision === precision);
    expect(of('cpu', 'int4')).toMatchObject({ fits: true, largestRange: layers(0, 31) });
    expect(of('cpu', 'int8')?.fits).toBe(false);
    expect(of('cpu', 'int8')?.largestRange?.layer_end).toBeGreaterThan(20);
    expect(of('card', 'fp32')).toMatchObject({ fits: true, tokensPerSecond: null });
    const [exact = 0, small = 0] = [of('cpu', 'fp32')?.tokensPerSecond, of('cpu', 'int4')?.tokensPerSecond].map(Number);
    // 30 GB and 4.8 GB of weights are read for each token at 20 GB/s.
    expect(exact).toBeGreaterThan(0.5);
    expect(exact).toBeLessThan(0.8);
    expect(small).toBeGreaterThan(3.5);
    expect(small).toBeLessThan(5);
  });

  it('agrees with what loading refuses, and with the range it then names', () => {
    fc.assert(
      fc.property(fc.nat(31), fc.nat(31), fc.integer({ min: 1, max: 60 }), (a, b, gibibytes) => {
        const range = layers(Math.min(a, b), Math.max(a, b));
        const budgetBytes = gibibytes * GIB;
        for (const { fits, precision, largestRange, estimate } of fitModel(
          SHAPE,
          [{ device: 'cpu', budgetBytes }],
          range,
        )) {
          expect(checkMemoryBudget(estimate, budgetBytes).ok).toBe(fits);
          if (fits) expect(largestRange?.layer_end).toBeGreaterThanOrEqual(range.layer_end);
          if (largestRange === null) continue;
          const config = { shape: SHAPE, tiedEmbedding: false };
          expect(estimateShard(config, largestRange, undefined, precision).totalBytes).toBeLessThanOrEqual(budgetBytes);
        }
      }),
      { numRuns: 60 },
    );
  });
});
