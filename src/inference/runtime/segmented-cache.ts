import type { KeyValueCache } from './key-value-pool';
import type { CacheNumbers } from './page-store';

/**
 * Keys and values of one sequence on a shard, one cache for each of its segments. They grow and shrink together: outside
 * of a call all hold the same positions.
 */
export class SegmentedCache {
  /** In the order of the segments. */
  readonly parts: readonly KeyValueCache[];

  /** @param parts - at least one, all of the same length */
  constructor(parts: readonly KeyValueCache[]) {
    this.parts = parts;
  }

  /** Positions held. */
  get length(): number {
    return this.parts[0]?.length ?? 0;
  }

  get allocatedBytes(): number {
    return this.parts.reduce((sum, part) => sum + part.allocatedBytes, 0);
  }

  /** Makes room for a total of `positions`. */
  reserve(positions: number): void {
    for (const part of this.parts) part.reserve(positions);
  }

  /** Adds new keys and values, those of each segment as `KeyValueCache.append` takes them, into room that was reserved. */
  append(newKeyValues: readonly CacheNumbers[], positions: number, place?: { rows: number; row: number }): void {
    this.#forEach(newKeyValues, (part, numbers) => part.append(numbers, positions, place));
  }

  /** Adds what `copy` gave, into room that was reserved. */
  restore(keyValues: readonly CacheNumbers[], positions: number): void {
    this.#forEach(keyValues, (part, numbers) => part.restore(numbers, positions));
  }

  /** Copies of the keys and values of positions it holds, as `restore` takes them. */
  copy(position: number, positions: number): CacheNumbers[] {
    return this.parts.map((part) => part.copy(position, positions));
  }

  /** Forgets the positions from `length` on. */
  rewind(length: number): void {
    for (const part of this.parts) part.rewind(length);
  }

  /** Lets go of the memory. */
  dispose(): void {
    for (const part of this.parts) part.dispose();
  }

  #forEach(keyValues: readonly CacheNumbers[], add: (part: KeyValueCache, numbers: CacheNumbers) => void): void {
    if (keyValues.length !== this.parts.length) throw new Error('each segment has keys and values of its own');
    for (const [index, part] of this.parts.entries()) {
      const numbers = keyValues[index];
      if (numbers !== undefined) add(part, numbers);
    }
  }
}
