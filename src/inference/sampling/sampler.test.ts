import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { candidates, pickGreedy, pickToken, type SamplingRules } from './sampler';

const logitList = fc
  .array(fc.float({ min: -50, max: 50, noNaN: true }), { minLength: 1, maxLength: 60 })
  .map((list) => Float32Array.from(list));
const rules: fc.Arbitrary<SamplingRules> = fc.record({
  temperature: fc.double({ min: 0.05, max: 5, noNaN: true }),
  top_k: fc.nat({ max: 70 }),
  top_p: fc.double({ min: 0.01, max: 1, noNaN: true }),
  min_p: fc.double({ min: 0, max: 1, noNaN: true }),
});

/** The definition, computed the long way. */
function reference(logits: Float32Array, { temperature, top_k, top_p, min_p = 0 }: SamplingRules): Map<number, number> {
  const largest = Math.max(...logits);
  let list = [...logits].map((logit, id) => ({ id, weight: Math.exp((logit - largest) / temperature) }));
  list.sort((a, b) => b.weight - a.weight || a.id - b.id);
  if (top_k > 0) list = list.slice(0, top_k);
  const total = list.reduce((sum, { weight }) => sum + weight, 0);
  const kept = new Map<number, number>();
  let share = 0;
  for (const { id, weight } of list) {
    if (weight < min_p) break;
    kept.set(id, weight);
    share += weight;
    if (top_p < 1 && share / total >= top_p) break;
  }
  return new Map([...kept].map(([id, weight]) => [id, weight / share]));
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

describe('candidates', () => {
  it('has the probabilities of softmax', () => {
    const list = candidates(Float32Array.of(0, Math.log(3)), { temperature: 1, top_k: 0, top_p: 1 });
    expect(list.map(({ id }) => id)).toEqual([1, 0]);
    expect(list[0]?.probability).toBeCloseTo(0.75, 6);
  });

  it('sharpens with a low temperature and flattens with a high one', () => {
    const logits = Float32Array.of(0, 2);
    const first = (temperature: number): number =>
      candidates(logits, { temperature, top_k: 0, top_p: 1 })[0]?.probability ?? 0;
    expect(first(0.5)).toBeGreaterThan(first(1));
    expect(first(5)).toBeLessThan(first(1));
  });

  it('keeps the top_k most likely, lower ids first among equals', () => {
    const list = candidates(Float32Array.of(1, 2, 2, 2), { temperature: 1, top_k: 2, top_p: 1 });
    expect(list.map(({ id }) => id)).toEqual([1, 2]);
  });

  it('keeps the shortest beginning that reaches top_p', () => {
    const logits = Float32Array.of(Math.log(5), Math.log(3), Math.log(2));
    const ids = (topP: number): number[] =>
      candidates(logits, { temperature: 1, top_k: 0, top_p: topP }).map(({ id }) => id);
    expect(ids(0.45)).toEqual([0]);
    expect(ids(0.75)).toEqual([0, 1]);
    expect(ids(0.85)).toEqual([0, 1, 2]);
  });

  it('agrees with the definition', () => {
    fc.assert(
      fc.property(logitList, rules, (logits, settings) => {
        const list = candidates(logits, settings);
        const expected = reference(logits, settings);
        expect(list.map(({ id }) => id)).toEqual([...expected.keys()]);
        for (const { id, probability } of list) expect(probability).toBeCloseTo(expected.get(id) ?? Number.NaN, 9);
      }),
    );
  });
});

describe('pickToken', () => {
  it('picks only candidates, each as often as its share of the random numbers', () => {
    fc.assert(
      fc.property(logitList, rules, (logits, settings) => {
        const list = candidates(logits, settings);
        let start = 0;
        for (const { id, probability } of list) {
          const picked = pickToken(logits, settings, start + probability / 2);
          // Shares too small for the precision of the sum may fall to a neighbour.
          expect(probability > 1e-6 ? picked : id).toBe(id);
          start += probability;
        }
        expect(list.map(({ id }) => id)).toContain(pickToken(logits, settings, 1 - 2 ** -53));
      }),
    );
  });
});
