import type { LayerRange } from '../../protocol/compute/model';
import { success, type Result } from '../../protocol/result';
import { engineFailure, type EngineErrorCode } from '../errors';
import type { DecoderConfig } from '../models/config';
import { pastKeyName, pastValueName, SHARD_VALUES } from '../shards/shard-values';
import { cacheBytesPerPosition, cacheCapacity } from '../shards/estimate-shard';
import { formatBytes } from '../shards/shard-files';
import type { OnnxRuntime, OnnxTensor } from './onnx-runtime';

/** Sequences one shard keeps at once; beyond it a coordinator should choose another pipeline. */
const MAX_SEQUENCES = 256;

/** Added to the scores of positions that hold nothing: their weight becomes exactly zero. */
const HIDDEN_SCORE = -1e30;

/**
 * Keys and values of one sequence on one shard: per layer keys `[key/value heads, head size, capacity]` and values
 * `[key/value heads, capacity, head size]`, given to the graph as they are. Only the first `length` positions count; what lies behind is ignored and overwritten.
 */
export class KeyValueCache {
  readonly #runtime: OnnxRuntime;
  readonly #heads: number;
  readonly #headSize: number;
  readonly #bytesPerPosition: number;
  /** Graph inputs in the order of the graph's output: keys of all layers, then values of all layers. */
  readonly #names: readonly string[];
  #buffers: Float32Array[] = [];
  /** 0 for positions held, `HIDDEN_SCORE` for the rest. */
  #mask = new Float32Array();
  #inputs: Record<string, OnnxTensor> = {};
  #capacity = 0;
  #length = 0;

  constructor(runtime: OnnxRuntime, config: DecoderConfig, range: LayerRange) {
    this.#runtime = runtime;
    this.#heads = config.shape.key_value_heads;
    this.#headSize = config.shape.head_size;
    this.#bytesPerPosition = cacheBytesPerPosition(config, range);
    const layers = Array.from(
      { length: range.layer_end - range.layer_start + 1 },
      (_, index) => range.layer_start + index,
    );
    this.#names = [...layers.map(pastKeyName), ...layers.map(pastValueName)];
  }

  /** Positions held. */
  get length(): number {
    return this.#length;
  }

  get allocatedBytes(): number {
    return this.#capacity * this.#bytesPerPosition;
  }

  /** Graph inputs; valid until the next call of `reserve`. */
  get inputs(): Readonly<Record<string, OnnxTensor>> {
    return this.#inputs;
  }

  /** Makes room for a total of `positions`. */
  reserve(positions: number): void {
    const capacity = cacheCapacity(positions);
    if (capacity <= this.#capacity) return;
    this.#inputs = {};
    // One buffer at a time, so that growing needs room for one layer's half and not for a second cache.
    for (const [index, name] of this.#names.entries()) {
      const holdsKeys = this.#holdsKeys(index);
      // A key's numbers lie a whole capacity apart, so each of them is a row of its own.
      const rows = this.#heads * (holdsKeys ? this.#headSize : 1);
      const floats = holdsKeys ? 1 : this.#headSize;
      const buffer = new Float32Array(rows * capacity * floats);
      const old = this.#buffers[index];
      if (old !== undefined) {
        for (let row = 0; row < rows; row++) {
          const start = row * this.#capacity * floats;
          buffer.set(old.subarray(start, start + this.#length * floats), row * capacity * floats);
        }
      }
      this.#buffers[index] = buffer;
      const dimensions = holdsKeys ? [this.#headSize, capacity] : [capacity, this.#headSize];
      this.#inputs[name] = this.#runtime.createTensor('float32', buffer, [1, this.#heads, ...dimensions]);
    }
    this.#mask = new Float32Array(capacity).fill(HIDDEN_SCORE).fill(0, 0, this.#length);
    this.#inputs[SHARD_VALUES.pastMask] = this.#runtime.createTensor('float32', this.#mask, [1, capacity]);
    this.#capacity = capacity;
  }

  /** Adds new keys and values `[2 × layers, key/value heads, positions, head size]`, as the graph gives them. */
  append(newKeyValues: Float32Array, positions: number): void {
    const newFloats = positions * this.#headSize;
    let source = 0;
    for (const [index, buffer] of this.#buffers.entries()) {
      for (let head = 0; head < this.#heads; head++) {
        const added = newKeyValues.subarray(source, source + newFloats);
        if (this.#holdsKeys(index)) this.#appendTransposed(buffer, head, added);
        else buffer.set(added, (head * this.#capacity + this.#length) * this.#headSize);
        source += newFloats;
      }
    }
    this.#mask.fill(0, this.#length, this.#length + positions);
    this.#length += positions;
  }

  /** @param added - `[positions, head size]` */
  #appendTransposed(buffer: Float32Array, head: number, added: Float32Array): void {
    const size = this.#headSize;
    const positions = added.length / size;
    for (let at = 0; at < size; at++) {
      const target = (head * size + at) * this.#capacity + this.#length;
      for (let position = 0; position < positions; position++) {
        buffer[target + position] = added[position * size + at] ?? 0;
      }
    }
  }

  #holdsKeys(index: number): boolean {
    return index < this.#names.length / 2;
  }

  /** Forgets the positions from `length` on. */
  rewind(length: number): void {
    if (length > this.#length) throw new Error('a cache cannot be rewound forwards');
    this.#mask.fill(HIDDEN_SCORE, length, this.#length);
    this.#length = length;
  }

  /** Lets go of the memory. */
  dispose(): void {
    this.#buffers = [];
    this.#mask = new Float32Array();
    this.#inputs = {};
    this.#capacity = 0;
    this.#length = 0;
  }
}

/**
 * KV memory promised to the open sequences of a shard. Promises are made for a sequence's whole length when it opens: a
 * request that was let in never runs out of memory halfway.
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
