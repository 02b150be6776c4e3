import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { logProbabilities, penalize } from './penalties';

describe('penalize', () => {
  it('changes nothing and copies nothing without penalties or without tokens', () => {
    const logits = Float32Array.of(1, 2);
    expect(penalize(logits, {}, new Map([[0, 3]]))).toBe(logits);
    expect(penalize(logits, { repetition_penalty: 2 }, new Map())).toBe(logits);
  });

  it('divides positive logits of tokens that occurred and multiplies negative ones', () => {
    const changed = penalize(
      Float32Array.of(4, -4, 4),
      { repetition_penalty: 2 },
      new Map([
        [0, 9],
        [1, 1],
      ]),
    );
    expect([...changed]).toEqual([2, -8, 4]);
  });

  it('takes the frequency penalty for each time and the presence penalty once', () => {
    const rules = { frequency_penalty: 0.5, presence_penalty: 1 };
    const changed = penalize(
      Float32Array.of(4, 4, 4),
      rules,
      new Map([
        [0, 3],
        [1, 1],
      ]),
    );
    expect([...changed]).toEqual([1.5, 2.5, 4]);
  });

  it('leaves the given logits alone and ignores tokens outside the vocabulary', () => {
    const logits = Float32Array.of(4);
    expect([
      ...penalize(
        logits,
        { presence_penalty: 1 },
        new Map([
          [0, 1],
          [7, 1],
        ]),
      ),
    ]).toEqual([3]);
    expect([...logits]).toEqual([4]);
  });
});

describe('logProbabilities', () => {
  it('agrees with the definition', () => {
    const list = fc.array(fc.float({ min: -50, max: 50, noNaN: true }), { minLength: 1, maxLength: 40 });
    fc.assert(
      fc.property(list, fc.nat(), fc.integer({ min: 0, max: 20 }), (values, pick, count) => {
        const logits = Float32Array.from(values);
        const tokenId = pick % logits.length;
        const total = Math.log([...logits].reduce((sum, logit) => sum + Math.exp(logit), 0));
        const sorted = [...logits.keys()].sort((a, b) => (logits[b] ?? 0) - (logits[a] ?? 0) || a - b).slice(0, count);
        const { own, top } = logProbabilities(logits, tokenId, count);
        expect(own).toBeCloseTo((logits[tokenId] ?? 0) - total, 9);
        expect(top.map((entry) => entry.tokenId)).toEqual(sorted);
        for (const entry of top) expect(entry.logProbability).toBeCloseTo((logits[entry.tokenId] ?? 0) - total, 9);
      }),
    );
  });
});
