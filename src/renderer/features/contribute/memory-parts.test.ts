import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { memoryParts } from './memory-parts';

describe('memoryParts', () => {
  it('splits the budget', () => {
    const parts = memoryParts({ weightBytes: 512 * 1_048_576, cacheBytesPerPosition: 262_144 }, 1_024);
    expect(parts.cacheBytes).toBe(262_144_000);
    expect(parts.freeBytes).toBe(1_073_741_824 - 536_870_912 - 262_144_000);
    expect(parts.overBytes).toBe(0);
    expect(parts.shares.weights).toBe(0.5);
  });

  it('says by how much a shard goes beyond it', () => {
    const parts = memoryParts({ weightBytes: 3 * 1_048_576, cacheBytesPerPosition: 0 }, 2);
    expect(parts).toMatchObject({ freeBytes: 0, overBytes: 1_048_576, shares: { weights: 1, cache: 0, free: 0 } });
  });

  it('always fills the bar', () => {
    fc.assert(
      fc.property(
        fc.nat(2 ** 31),
        fc.nat(10_000_000),
        fc.integer({ min: 64, max: 1_048_576 }),
        (weightBytes, perPosition, mb) => {
          const { shares } = memoryParts({ weightBytes, cacheBytesPerPosition: perPosition }, mb);
          expect(shares.weights + shares.cache + shares.free).toBeCloseTo(1, 9);
        },
      ),
    );
  });
});
