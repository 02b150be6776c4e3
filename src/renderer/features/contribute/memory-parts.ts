import type { ShardReport } from '../../../protocol/compute/node-snapshot';

/** Positions the cache is reckoned for: the unit of the memory bar. */
export const CACHE_POSITIONS = 1_000;
const BYTES_PER_MB = 1_048_576;

/** How a shard fills the memory it may use; shares are parts of the bar and add up to one. */
export interface MemoryParts {
  readonly budgetBytes: number;
  readonly weightBytes: number;
  readonly cacheBytes: number;
  readonly freeBytes: number;
  /** What goes beyond the budget; then nothing is free. */
  readonly overBytes: number;
  readonly shares: { readonly weights: number; readonly cache: number; readonly free: number };
}

/** Splits the memory budget into weights, KV cache for 1,000 positions, and what is free. */
export function memoryParts(
  shard: Pick<ShardReport, 'weightBytes' | 'cacheBytesPerPosition'>,
  budgetMb: number,
): MemoryParts {
  const budgetBytes = budgetMb * BYTES_PER_MB;
  const { weightBytes } = shard;
  const cacheBytes = shard.cacheBytesPerPosition * CACHE_POSITIONS;
  const used = weightBytes + cacheBytes;
  const freeBytes = Math.max(0, budgetBytes - used);
  const whole = Math.max(budgetBytes, used);
  return {
    budgetBytes,
    weightBytes,
    cacheBytes,
    freeBytes,
    overBytes: Math.max(0, used - budgetBytes),
    shares: { weights: weightBytes / whole, cache: cacheBytes / whole, free: freeBytes / whole },
  };
}
