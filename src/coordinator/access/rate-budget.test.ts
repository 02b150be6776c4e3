import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RateBudget } from './rate-budget';

describe('RateBudget', () => {
  it('never gives out more than its capacity and what flowed in since', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 50 }),
        fc.array(fc.integer({ min: 0, max: 20_000 }), { maxLength: 300 }),
        (perMinute, waits) => {
          const budget = new RateBudget(perMinute);
          let nowMs = 1_000_000;
          let taken = 0;
          for (const wait of waits) {
            nowMs += wait;
            if (budget.take('a', nowMs)) taken += 1;
          }
          expect(taken).toBeLessThanOrEqual(perMinute + ((nowMs - 1_000_000) / 60_000) * perMinute + 1e-6);
        },
      ),
    );
  });

  it('keeps callers apart and forgets the quietest first', () => {
    const budget = new RateBudget(1, 2);
    expect(budget.take('a', 0)).toBe(true);
    expect(budget.take('b', 1)).toBe(true);
    expect(budget.take('a', 2)).toBe(false);
    // Of three callers one has to go: b was quiet longest, so a's used-up budget is still known.
    expect(budget.take('c', 3)).toBe(true);
    expect(budget.take('a', 4)).toBe(false);
    expect(budget.take('b', 5)).toBe(true);
  });
});
