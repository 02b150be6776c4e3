import * as fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { PLAIN_TRAITS } from '../models/architectures';
import type { DecoderConfig } from '../models/config';
import { layers } from '../testdata/tore-tiny';
import type { CacheType } from '../shards/graph-form';
import { KeyValuePool, pageArraysOf, type KeyValueCache } from './key-value-pool';
import type { OnnxRuntime } from './onnx-runtime';
import { MainMemoryPages } from './page-store';

const HEADS = 2;
const SIZE = 2;
const CONFIG: DecoderConfig = {
  architecture: 'LlamaForCausalLM',
  shape: {
    layers: 3,
    hidden_size: 2,
    feed_forward_size: 2,
    attention_heads: HEADS,
    key_value_heads: HEADS,
    head_size: SIZE,
    vocabulary_size: 4,
    context_length: 2_048,
  },
  normEpsilon: 1e-5,
  rotaryBase: 10_000,
  rotaryScaling: { kind: 'none' },
  tiedEmbedding: true,
  ...PLAIN_TRAITS,
  endTokenIds: [],
};
const RANGE = layers(1, 2);
/** Keys and values of two layers. */
const PARTS = 4;

const runtime = {
  listSupportedBackends: () => [],
  createSession: () => Promise.reject(new Error('not used')),
  createTensor: (_, data) => ({ data }),
} satisfies OnnxRuntime;

function createPool(type: CacheType = 'float32'): KeyValuePool {
  const layout = pageArraysOf(CONFIG, RANGE, type);
  return new KeyValuePool(layout, new MainMemoryPages(runtime, layout));
}

/** What the graph would give: each number tells part, head, position and place. */
function numbersOf(seed: number, start: number, positions: number): Float32Array {
  const numbers: number[] = [];
  for (let part = 0; part < PARTS; part++) {
    for (let head = 0; head < HEADS; head++) {
      for (let at = 0; at < positions; at++) {
        for (let index = 0; index < SIZE; index++) {
          numbers.push(seed * 1e6 + (start + at) * 100 + part * 10 + head * 2 + index);
        }
      }
    }
  }
  return Float32Array.from(numbers);
}

/** All numbers of a sequence as a pass sees them, position by position. */
async function contents(pool: KeyValuePool, cache: KeyValueCache): Promise<number[]> {
  const { inputs } = await pool.use(cache.pages, async (pages) => pages);
  const names = ['past_key_1', 'past_key_2', 'past_value_1', 'past_value_2'];
  const read: number[] = [];
  for (let position = 0; position < cache.length; position++) {
    for (const name of names) {
      const data = inputs[name]?.data as Float32Array;
      for (let head = 0; head < HEADS; head++) {
        const place = ((Math.floor(position / 64) * HEADS + head) * 64 + (position % 64)) * SIZE;
        read.push(...data.subarray(place, place + SIZE));
      }
    }
  }
  return read;
}

function expected(seed: number, length: number): number[] {
  const numbers: number[] = [];
  for (let position = 0; position < length; position++) {
    for (let part = 0; part < PARTS; part++) {
      for (let rest = 0; rest < HEADS * SIZE; rest++) numbers.push(seed * 1e6 + position * 100 + part * 10 + rest);
    }
  }
  return numbers;
}

function append(cache: KeyValueCache, seed: number, positions: number): void {
  cache.reserve(cache.length + positions);
  cache.append(numbersOf(seed, cache.length, positions), positions);
}

/** Memory that has room for arrays of so many pages and no more. */
function limitArrays(pages: number): void {
  const limit = pages * HEADS * SIZE * 64;
  const Limited = class extends Float32Array {
    constructor(...given: [number] | [ArrayBuffer, number, number]) {
      if (given.length === 1 && given[0] > limit) throw new RangeError('Array buffer allocation failed');
      super(...(given as [ArrayBuffer, number, number]));
    }
  };
  vi.stubGlobal('Float32Array', Limited);
}

afterEach(() => vi.unstubAllGlobals());

describe('KeyValuePool', () => {
  it('keeps what was written across pages, growth and going back', async () => {
    const pool = createPool();
    const cache = pool.createCache();
    append(cache, 1, 60);
    append(cache, 1, 10);
    cache.rewind(65);
    append(cache, 1, 130);
    expect(await contents(pool, cache)).toEqual(expected(1, 195));
    expect(cache.allocatedBytes).toBe(4 * pool.pageBytes);
  });

  it('takes one row of a pass over several sequences', async () => {
    const pool = createPool();
    const [first, second] = [pool.createCache(), pool.createCache()];
    append(first, 1, 3);
    append(second, 2, 64);
    second.reserve(65);
    const rows = [numbersOf(1, 3, 1), numbersOf(2, 64, 1)];
    const perPart = HEADS * SIZE;
    const joined = Array.from({ length: PARTS }, (_, part) =>
      rows.flatMap((row) => [...row.subarray(part * perPart, (part + 1) * perPart)]),
    );
    const together = Float32Array.from(joined.flat());
    first.append(together, 1, { rows: 2, row: 0 });
    second.append(together, 1, { rows: 2, row: 1 });
    expect(await contents(pool, first)).toEqual(expected(1, 4));
    expect(await contents(pool, second)).toEqual(expected(2, 65));
  });

  it('halves the memory of what is kept in half floats', () => {
    const exact = createPool();
    expect(createPool('float16').pageBytes * 2).toBe(exact.pageBytes);
  });

  it('brings the pages of a batch together', async () => {
    const pool = createPool();
    const caches = Array.from({ length: 9 }, (_, seed) => {
      const cache = pool.createCache();
      append(cache, seed, 70);
      return cache;
    });
    const [first, last] = [caches[0], caches[8]];
    if (first === undefined || last === undefined) throw new Error('there are nine');
    const range = pool.gather([first, last]);
    expect(range.end - range.start).toBe(4);
    for (const [seed, cache] of caches.entries()) expect(await contents(pool, cache)).toEqual(expected(seed, 70));
  });

  it('gives no pages to a sequence that was closed', () => {
    const pool = createPool();
    const cache = pool.createCache();
    append(cache, 1, 3);
    cache.dispose();
    expect(() => cache.reserve(1)).toThrow('let go');
    expect(pool.heldBytes).toBe(0);
  });

  it('counts the pages of closed sequences until it lets go of them', async () => {
    const pool = createPool();
    const [large, small] = [pool.createCache(), pool.createCache()];
    append(large, 1, 7 * 64);
    append(small, 2, 2 * 64);
    large.rewind(0);
    expect(pool.heldBytes).toBe(9 * pool.pageBytes);
    large.dispose();
    expect(pool.heldBytes).toBe(2 * pool.pageBytes);
    expect(await contents(pool, small)).toEqual(expected(2, 2 * 64));
    const next = pool.createCache();
    append(next, 3, 5 * 64);
    next.dispose();
    expect(pool.heldBytes).toBe(7 * pool.pageBytes);
    small.dispose();
    expect(pool.heldBytes).toBe(0);
  });

  it('grows by what is needed where there is no room for more, and is as it was where there is none', async () => {
    const pool = createPool();
    const cache = pool.createCache();
    append(cache, 1, 3 * 64);
    limitArrays(4);
    append(cache, 1, 64);
    expect(() => cache.reserve(5 * 64)).toThrow('allocation failed');
    vi.unstubAllGlobals();
    expect(pool.heldBytes).toBe(4 * pool.pageBytes);
    append(cache, 1, 2 * 64);
    expect(await contents(pool, cache)).toEqual(expected(1, 6 * 64));
  });

  it('never mixes sequences up, whatever comes and goes', async () => {
    const step = fc.record({
      sequence: fc.nat({ max: 4 }),
      action: fc.constantFrom('append', 'append', 'append', 'rewind', 'close', 'gather'),
      size: fc.integer({ min: 1, max: 150 }),
    });
    const property = fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      const pool = createPool();
      const open = new Map<number, KeyValueCache>();
      for (const { sequence, action, size } of steps) {
        const cache = open.get(sequence) ?? pool.createCache();
        open.set(sequence, cache);
        if (action === 'append') append(cache, sequence, size);
        else if (action === 'rewind') cache.rewind(Math.max(0, cache.length - size));
        else if (action === 'close') {
          cache.dispose();
          open.delete(sequence);
        } else {
          const filled = [...open.values()].filter(({ length }) => length > 0);
          if (filled.length > 1) pool.gather(filled.slice(0, 2));
        }
        for (const [seed, held] of open) {
          if (held.length > 0) expect(await contents(pool, held)).toEqual(expected(seed, held.length));
        }
      }
    });
    await expect(fc.assert(property, { numRuns: 40 })).resolves.toBeUndefined();
  });
});
