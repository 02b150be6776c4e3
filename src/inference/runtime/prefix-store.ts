import { createHash } from 'node:crypto';
import { PREFILL_CHUNK_POSITIONS } from '../shards/estimate-shard';
import type { CacheNumbers } from './page-store';
import { countPositions, type ShardInput } from './sequence-pass';

/** What one chunk of a prompt led to on this shard. */
export interface KeptChunk {
  /** As `SegmentedCache.restore` takes them. */
  readonly keyValues: readonly CacheNumbers[];
  /** Activations `[positions, hidden]` for the next shard; null on a last shard. */
  readonly output: Float32Array | null;
}

/**
 * Chunks of prompts that were computed before, by what they begin with. A key stands for the requester's scope and every
 * input from the first position on, so a chunk is found only by who has sent exactly the same; chunks are cut at multiples
 * of `PREFILL_CHUNK_POSITIONS`, where a prompt in pieces gives the bits of the whole. What was not asked for the longest
 * time goes first.
 */
export class PrefixStore {
  /** In the order of their last use. */
  readonly #chunks = new Map<string, KeptChunk>();
  #bytes = 0;
  #reusedPositions = 0;

  get bytes(): number {
    return this.#bytes;
  }

  /** Positions that were not computed because they had been before. */
  get reusedPositions(): number {
    return this.#reusedPositions;
  }

  take(key: string): KeptChunk | undefined {
    const chunk = this.#chunks.get(key);
    if (chunk === undefined) return undefined;
    this.#chunks.delete(key);
    this.#chunks.set(key, chunk);
    this.#reusedPositions += PREFILL_CHUNK_POSITIONS;
    return chunk;
  }

  /** Keeps a chunk if it fits at all. @param limitBytes - of all chunks together */
  put(key: string, chunk: KeptChunk, limitBytes: number): void {
    this.#drop(key);
    const bytes = bytesOf(chunk);
    if (bytes > limitBytes) return;
    this.shrinkTo(limitBytes - bytes);
    this.#chunks.set(key, chunk);
    this.#bytes += bytes;
  }

  /** Lets go of the chunks that were not used for longest until no more than so many bytes are left. */
  shrinkTo(limitBytes: number): void {
    for (const key of this.#chunks.keys()) {
      if (this.#bytes <= limitBytes) return;
      this.#drop(key);
    }
  }

  #drop(key: string): void {
    const chunk = this.#chunks.get(key);
    if (chunk === undefined) return;
    this.#chunks.delete(key);
    this.#bytes -= bytesOf(chunk);
  }
}

function bytesOf({ keyValues, output }: KeptChunk): number {
  return keyValues.reduce((sum, part) => sum + part.byteLength, output?.byteLength ?? 0);
}

/** Names the chunks of one sequence: each key continues the one before, so it stands for all that came so far. */
export class PrefixChain {
  readonly #root: string;
  /** Of the whole chunks the cache begins with. */
  #keys: string[] = [];

  /** @param scope - who may find what this sequence computes */
  constructor(scope: string) {
    this.#root = createHash('sha256').update(scope).digest('hex');
  }

  /** What comes next begins at a position: it takes the place of what was there. */
  rewind(position: number): void {
    this.#keys = this.#keys.slice(0, Math.floor(position / PREFILL_CHUNK_POSITIONS));
  }

  /** Key of an input that is a whole chunk right behind the chunks so far; null for everything else. */
  keyOf(position: number, input: ShardInput): string | null {
    if (position !== this.#keys.length * PREFILL_CHUNK_POSITIONS) return null;
    if (countPositions(input) !== PREFILL_CHUNK_POSITIONS) return null;
    const hash = createHash('sha256')
      .update(this.#keys.at(-1) ?? this.#root)
      .update(input.kind);
    if (input.kind === 'tokens') hash.update(Int32Array.from(input.ids));
    else hash.update(input.activation);
    return hash.digest('hex');
  }

  /** The chunk of this key is in the cache. */
  extend(key: string): void {
    this.#keys.push(key);
  }
}
