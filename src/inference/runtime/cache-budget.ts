import { success, type Result } from '../../protocol/result';
import { engineFailure, type EngineErrorCode } from '../errors';
import { cacheCapacity } from '../shards/estimate-shard';
import { formatBytes } from '../shards/shard-files';

/** Sequences one shard keeps at once; beyond it a coordinator should choose another pipeline. */
const MAX_SEQUENCES = 256;

/**
 * KV memory promised to the open sequences of a shard. Promises are made for a sequence's whole length when it opens: a
 * request that was let in never runs out of memory halfway. What is not promised may hold chunks of earlier prompts, which
 * give way.
 */
export class CacheBudget {
  readonly #limitBytes: number;
  readonly #bytesPerPosition: number;
  readonly #promised = new Map<string, number>();

  constructor(limitBytes: number, bytesPerPosition: number) {
    this.#limitBytes = limitBytes;
    this.#bytesPerPosition = bytesPerPosition;
  }

  get promisedBytes(): number {
    let sum = 0;
    for (const bytes of this.#promised.values()) sum += bytes;
    return sum;
  }

  /**
   * What may be used for something that can be given up.
   *
   * @param heldBytes - memory the caches take now, with that of sequences that are gone
   */
  spareBytes(heldBytes: number): number {
    return this.#limitBytes - Math.max(this.promisedBytes, heldBytes);
  }

  promise(sequenceId: string, maxPositions: number): Result<void, EngineErrorCode> {
    if (this.#promised.size >= MAX_SEQUENCES) {
      return engineFailure('sequence-limit', `This shard already serves ${MAX_SEQUENCES} sequences.`, {
        retryable: true,
      });
    }
    const bytes = cacheCapacity(maxPositions) * this.#bytesPerPosition;
    const free = this.#limitBytes - this.promisedBytes;
    if (bytes > free) {
      return engineFailure(
        'kv-budget',
        `A sequence of ${maxPositions} positions needs ${formatBytes(bytes)} of KV cache; ${formatBytes(free)} of ${formatBytes(this.#limitBytes)} are free.`,
        {
          retryable: bytes <= this.#limitBytes,
          suggestion: 'Wait for other requests to end, or ask for a shorter answer.',
        },
      );
    }
    this.#promised.set(sequenceId, bytes);
    return success(undefined);
  }

  release(sequenceId: string): void {
    this.#promised.delete(sequenceId);
  }
}
