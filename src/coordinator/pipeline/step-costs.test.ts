import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { StepCosts } from './step-costs';

describe('the cost of steps', () => {
  it('is the line through times over guesses', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 1, max: 500, noNaN: true }),
        fc.double({ min: 0, max: 2, noNaN: true }),
        (plain, share) => {
          const costs = new StepCosts();
          for (let step = 0; step < 60; step += 1) {
            const guesses = step % 4;
            costs.observe(guesses, plain * (1 + guesses * share));
          }
          expect(costs.plainMs).toBeGreaterThan(plain * 0.8);
          expect(costs.plainMs).toBeLessThan(plain * 1.2);
          expect(Math.abs(costs.extraMs - plain * share)).toBeLessThan(plain * (0.1 + share * 0.2));
        },
      ),
    );
  });

  it('is assumed for guesses until one was seen', () => {
    const costs = new StepCosts();
    expect(costs.plainMs).toBeNull();
    costs.observe(0, 100);
    expect(costs.plainMs).toBe(100);
    expect(costs.isMeasured).toBe(false);
    expect(costs.extraMs).toBeGreaterThan(0);
    costs.observe(2, 101);
    expect(costs.isMeasured).toBe(true);
    expect(costs.extraMs).toBeLessThan(10);
  });

  it('does not follow a stall', () => {
    const costs = new StepCosts();
    for (let step = 0; step < 20; step += 1) costs.observe(0, 10);
    costs.observe(0, 30_000);
    expect(costs.plainMs).toBeLessThan(15);
  });
});
