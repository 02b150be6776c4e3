import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  classifyHardware,
  earnedMicroGft,
  gridPriority,
  HARDWARE_TIERS,
  hardwareIndex,
  quarantineHours,
  redundancyRate,
  reliabilityFactor,
  shouldSuspend,
  spentMicroGft,
} from './formulas';

const share = fc.double({ min: 0, max: 1, noNaN: true });

describe('earning and spending', () => {
  it('multiply GFLOPs, hardware and reliability', () => {
    expect(earnedMicroGft(3e9, 0.5, 0.9)).toBe(1_350_000);
    expect(earnedMicroGft(0, 8, 1)).toBe(0);
  });

  it('price by precision', () => {
    expect(spentMicroGft(2e9, 'fp32')).toBe(2_000_000);
    expect(spentMicroGft(2e9, 'fp16')).toBe(1_000_000);
    expect(spentMicroGft(2e9, 'int8')).toBe(500_000);
    expect(spentMicroGft(2e9, 'int4')).toBe(250_000);
  });
});

describe('reliability', () => {
  it('is half fixed and half earned', () => {
    expect(reliabilityFactor(0, 0, 1)).toBe(1);
    expect(reliabilityFactor(10, 10, 1)).toBe(1);
    expect(reliabilityFactor(10, 0, 1)).toBe(0.5);
    expect(reliabilityFactor(10, 5, 0.5)).toBeCloseTo(0.625, 12);
  });

  it('stays within [0.5, 1] and never falls when more is completed', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1_000 }), fc.nat(1_000), share, (assigned, done, consistency) => {
        const completed = Math.min(done, assigned);
        const reliability = reliabilityFactor(assigned, completed, consistency);
        expect(reliability).toBeGreaterThanOrEqual(0.5);
        expect(reliability).toBeLessThanOrEqual(1);
        expect(reliabilityFactor(assigned, Math.min(assigned, completed + 1), consistency)).toBeGreaterThanOrEqual(
          reliability,
        );
      }),
    );
  });

  it('suspends below 0.52, but not before ten tasks', () => {
    expect(shouldSuspend(0.5, 9)).toBe(false);
    expect(shouldSuspend(0.5, 10)).toBe(true);
    expect(shouldSuspend(0.52, 100)).toBe(false);
  });
});

describe('hardware classes', () => {
  it('weigh matrix products, memory and latency', () => {
    expect(hardwareIndex(1, 0, 0)).toBeCloseTo(0.5, 12);
    expect(hardwareIndex(0, 1, 0)).toBeCloseTo(0.3, 12);
    expect(hardwareIndex(0, 0, 1)).toBeCloseTo(0.2, 12);
    expect(hardwareIndex(7, -3, Number.NaN)).toBeCloseTo(0.5, 12);
  });

  it('start at each threshold with the table value and rise towards the next', () => {
    for (const tier of HARDWARE_TIERS) {
      expect(classifyHardware(tier.threshold)).toEqual({
        hardwareClass: tier.hardwareClass,
        multiplier: tier.multiplier,
      });
    }
    expect(classifyHardware(0.1).multiplier).toBeCloseTo(0.3, 12);
    expect(classifyHardware(1)).toEqual({ hardwareClass: 'datacenter_accel', multiplier: 8 });
    fc.assert(
      fc.property(share, share, (one, other) => {
        const [low, high] = one < other ? [one, other] : [other, one];
        expect(classifyHardware(low).multiplier).toBeLessThanOrEqual(classifyHardware(high).multiplier);
      }),
    );
  });

  it('quarantine a rise by its logarithm and nothing else', () => {
    expect(quarantineHours(1, 2)).toBe(24);
    expect(quarantineHours(0.5, 4)).toBe(72);
    expect(quarantineHours(2, 1)).toBe(0);
    expect(quarantineHours(2, 2)).toBe(0);
  });
});

describe('scheduling shares', () => {
  it('prefer idle nodes on clean grids', () => {
    expect(gridPriority(0, 0, 1)).toBeCloseTo(1, 12);
    expect(gridPriority(1, 1, 0)).toBeCloseTo(0, 12);
    expect(gridPriority(0.5, 0.25, 0.5)).toBeCloseTo(0.6, 12);
  });

  it('check new nodes half of the time and reliable ones rarely', () => {
    expect(redundancyRate(19, 1)).toBe(0.5);
    expect(redundancyRate(20, 0.95)).toBe(0.05);
    expect(redundancyRate(20, 0.5)).toBe(0.5);
    fc.assert(
      fc.property(
        fc.integer({ min: 20, max: 10_000 }),
        fc.double({ min: 0.5, max: 1, noNaN: true }),
        (tasks, reliability) => {
          expect(redundancyRate(tasks, reliability)).toBeGreaterThanOrEqual(0.05);
          expect(redundancyRate(tasks, reliability)).toBeLessThanOrEqual(0.5);
        },
      ),
    );
  });
});
