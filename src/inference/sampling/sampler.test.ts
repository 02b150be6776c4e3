import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { keptByDefinition } from '../testdata/reference-sampling';
import { pickGreedy, pickToken, type SamplingRules } from './sampler';

const logitList = fc
  .array(fc.float({ min: -50, max: 50, noNaN: true }), { minLength: 1, maxLength: 60 })
  .map((list) => Float32Array.from(list));
const rules: fc.Arbitrary<SamplingRules> = fc.record({
  temperature: fc.double({ min: 0.05, max: 5, noNaN: true }),
  top_k: fc.nat({ max: 70 }),
  top_p: fc.double({ min: 0.01, max: 1, noNaN: true }),
  min_p: fc.double({ min: 0, max: 1, noNaN: true }),
});

/** Probabilities by id, likeliest first. */
function reference(logits: Float32Array, settings: SamplingRules): Map<number, number> {
  const { ids, weights, share } = keptByDefinition(logits, settings);
  return new Map(ids.map((id) => [id, (weights[id] ?? 0) / share]));
}

describe('pickGreedy', () => {
  it('takes the largest logit and the lowest id of equal ones', () => {
    expect(pickGreedy(Float32Array.of(1, 3, 2, 3))).toBe(1);
    expect(pickGreedy(Float32Array.of(-5, -5))).toBe(0);
    expect(pickGreedy(Float32Array.of(-1e38, -2e38))).toBe(0);
  });

  it('is what temperature 0 picks', () => {
    fc.assert(
      fc.property(logitList, fc.double({ min: 0, max: 0.999, noNaN: true }), (logits, uniform) => {
        expect(pickToken(logits, { temperature: 0, top_k: 0, top_p: 1 }, uniform)).toBe(pickGreedy(logits));
      }),
    );
  });
});

/** Picks with a random number in the middle of each token's share: who comes back is who may be picked, in order. */
function pickable(logits: Float32Array, settings: SamplingRules): number[] {
  let start = 0;
  const ids: number[] = [];
  for (const probability of reference(logits, settings).values()) {
    ids.push(pickToken(logits, settings, start + probability / 2));
    start += probability;
  }
  return ids;
}

describe('pickToken', () => {
  const plain = { temperature: 1, top_k: 0, top_p: 1 };

  it('gives tokens their share of the random numbers, likeliest first', () => {
    const logits = Float32Array.of(0, Math.log(3));
    expect([0, 0.74, 0.76, 0.999].map((uniform) => pickToken(logits, plain, uniform))).toEqual([1, 1, 0, 0]);
  });

  it('sharpens with a low temperature and flattens with a high one', () => {
    const logits = Float32Array.of(0, 2);
    const picked = (temperature: number): number => pickToken(logits, { ...plain, temperature }, 0.9);
    // The first one's share is 0.98, 0.88 and 0.6.
    expect([0.5, 1, 5].map(picked)).toEqual([1, 0, 0]);
  });

  it('keeps the top_k most likely, lower ids first among equals', () => {
    const logits = Float32Array.of(1, 2, 2, 2);
    const settings = { ...plain, top_k: 2 };
    expect([0.2, 0.7, 1 - 2 ** -53].map((uniform) => pickToken(logits, settings, uniform))).toEqual([1, 2, 2]);
  });

  it('keeps the shortest beginning that reaches top_p', () => {
    const logits = Float32Array.of(Math.log(5), Math.log(3), Math.log(2));
    const last = (topP: number): number => pickToken(logits, { ...plain, top_p: topP }, 1 - 2 ** -53);
    expect([0.45, 0.75, 0.85].map(last)).toEqual([0, 1, 2]);
  });

  it('agrees with the definition', () => {
    fc.assert(
      fc.property(logitList, rules, (logits, settings) => {
        const expected = reference(logits, settings);
        const ids = [...expected.keys()];
        const picked = pickable(logits, settings);
        for (const [place, probability] of [...expected.values()].entries()) {
          // Shares too small for the precision of the sum may fall to a neighbour.
          if (probability > 1e-6) expect(picked[place]).toBe(ids[place]);
        }
        expect(ids).toContain(pickToken(logits, settings, 1 - 2 ** -53));
      }),
      { numRuns: 500 },
    );
  });

  it('agrees with the definition where tokens are many and nearly alike', () => {
    const logits = Float32Array.from({ length: 5_000 }, (_, id) => Math.sin(id * 12.9898) * 2 + (id % 7));
    for (const settings of [plain, { ...plain, top_p: 0.9 }, { ...plain, top_k: 1_000 }, { ...plain, min_p: 0.01 }]) {
      const expected = [...reference(logits, settings).keys()];
      expect(pickable(logits, settings)).toEqual(expected);
    }
  });

  it('is not led astray by numbers at the ends of their range', () => {
    const wide = Float32Array.of(-3e38, 3e38, 0);
    for (const temperature of [Number.MIN_VALUE, 1e-300, 1e300]) {
      expect(pickToken(wide, { ...plain, temperature }, 0)).toBe(1);
      expect([0, 1, 2]).toContain(pickToken(wide, { ...plain, temperature, top_p: 0.5, min_p: 1 }, 1 - 2 ** -53));
    }
    expect(pickToken(Float32Array.of(4), { ...plain, top_p: 0.5 }, 0.9)).toBe(0);
  });
});
