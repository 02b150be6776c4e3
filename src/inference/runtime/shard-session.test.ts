import { describe, expect, it } from 'vitest';
import { PLAIN_TRAITS } from '../models/architectures';
import type { DecoderConfig } from '../models/config';
import { codeOf, expectValue, layers } from '../testdata/tore-tiny';
import { CacheBudget, KeyValueCache } from './key-value-cache';
import type { OnnxRuntime, TensorMap } from './onnx-runtime';
import { ShardSession } from './shard-session';

/** One key/value head of two numbers, so that cache contents can be read at a glance. */
const CONFIG: DecoderConfig = {
  architecture: 'LlamaForCausalLM',
  shape: {
    layers: 3,
    hidden_size: 2,
    feed_forward_size: 2,
    attention_heads: 1,
    key_value_heads: 1,
    head_size: 2,
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

type Run = (inputs: TensorMap, call: number) => TensorMap;

/** A runtime whose graph is a function; records the chunk sizes it was given. */
function fakeRuntime(run: Run): { runtime: OnnxRuntime; chunks: number[] } {
  const chunks: number[] = [];
  let call = 0;
  const runtime: OnnxRuntime = {
    listSupportedBackends: () => [],
    createSession: async () => ({
      run: async (inputs) => {
        chunks.push(floats(inputs, 'activation_in').length / 2);
        await new Promise((resolve) => setImmediate(resolve));
        return run(inputs, call++);
      },
      release: async () => undefined,
    }),
    createTensor: (_, data) => ({ data }),
  };
  return { runtime, chunks };
}

function floats(tensors: TensorMap, name: string): Float32Array {
  const data = tensors[name]?.data;
  if (!(data instanceof Float32Array)) throw new Error(`no ${name}`);
  return data;
}

/** Echoes its input as output and, for each of the two tensors of its one layer, as new keys and values. */
const echo: Run = (inputs) => {
  const data = floats(inputs, 'activation_in');
  return { activation_out: { data: data.slice() }, new_key_values: { data: Float32Array.of(...data, ...data) } };
};

async function open(run: Run): Promise<{ shard: ShardSession; chunks: number[]; runtime: OnnxRuntime }> {
  const { runtime, chunks } = fakeRuntime(run);
  const options = { runtime, config: CONFIG, range: layers(1, 1), graphPath: 'unused', providers: [] };
  const { shard } = expectValue(await ShardSession.open(options));
  chunks.length = 0;
  return { shard, chunks, runtime };
}

function activation(positions: number, start = 0) {
  const values = Float32Array.from({ length: positions * 2 }, (_, index) => start + index);
  return { kind: 'activation', activation: values, positions } as const;
}

describe('ShardSession', () => {
  it('runs long input in chunks and joins the results', async () => {
    const { shard, chunks } = await open(echo);
    const cache = shard.createCache();
    const input = activation(300);
    expect(expectValue(await shard.run(cache, input))).toEqual(input.activation);
    expect(chunks).toEqual([128, 128, 44]);
    expect(cache.length).toBe(300);
  });

  it.each([Number.NaN, Number.POSITIVE_INFINITY])('discards a result with %d and keeps the cache', async (value) => {
    // Call 0 is the check on opening, 1 the first pass, then two chunks of which the second is damaged.
    const { shard } = await open((inputs, call) => {
      const outputs = echo(inputs, call);
      if (call === 3) floats(outputs, 'activation_out')[5] = value;
      return outputs;
    });
    const cache = shard.createCache();
    expectValue(await shard.run(cache, activation(3)));
    expect(codeOf(await shard.run(cache, activation(200)))).toBe('output-invalid');
    expect(cache.length).toBe(3);
    expect(codeOf(await shard.run(cache, activation(1)))).toBe('ok');
  });

  it('turns what the runtime throws into a failure and keeps the cache', async () => {
    const { shard } = await open((inputs, call) => {
      if (call === 2) throw new Error('device lost');
      return echo(inputs, call);
    });
    const cache = shard.createCache();
    expectValue(await shard.run(cache, activation(3)));
    const result = await shard.run(cache, activation(1));
    expect(codeOf(result)).toBe('run-failed');
    expect(!result.ok && result.error.message).toContain('device lost');
    expect(cache.length).toBe(3);
  });

  it('stops between chunks', async () => {
    const { shard, chunks } = await open(echo);
    const cache = shard.createCache();
    const result = await shard.run(cache, activation(1_000), { isCancelled: () => chunks.length >= 2 });
    expect(codeOf(result)).toBe('cancelled');
    expect(chunks).toEqual([128, 128]);
    expect(cache.length).toBe(0);
  });
});

describe('KeyValueCache', () => {
  const { runtime } = fakeRuntime(echo);
  /** The first positions of a buffer, position by position, whichever way it lies. */
  const contents = (cache: KeyValueCache, name: string, positions: number): number[] => {
    const values = floats(cache.inputs, name);
    if (!name.startsWith('past_key')) return [...values.subarray(0, positions * 2)];
    const capacity = values.length / 2;
    return Array.from(
      { length: positions * 2 },
      (_, index) => values[(index % 2) * capacity + (index >> 1)] ?? Number.NaN,
    );
  };

  it('hides what holds nothing', () => {
    const cache = new KeyValueCache(runtime, CONFIG, layers(1, 1));
    const shown = (): boolean[] => [...floats(cache.inputs, 'past_mask').subarray(0, 3)].map((value) => value === 0);
    cache.reserve(2);
    expect(shown()).toEqual([false, false, false]);
    cache.append(new Float32Array(8), 2);
    expect(shown()).toEqual([true, true, false]);
    cache.rewind(1);
    expect(shown()).toEqual([true, false, false]);
    cache.reserve(257);
    expect(floats(cache.inputs, 'past_mask')).toHaveLength(512);
    expect(shown()).toEqual([true, false, false]);
  });

  it('appends keys and values behind each other, also when it grows and after going back', () => {
    const cache = new KeyValueCache(runtime, CONFIG, layers(1, 2));
    cache.reserve(2);
    // Two layers: keys of 1, keys of 2, values of 1, values of 2.
    cache.append(Float32Array.of(1, 1, 2, 2, 3, 3, 4, 4), 1);
    cache.append(Float32Array.of(5, 5, 6, 6, 7, 7, 8, 8), 1);
    expect(contents(cache, 'past_key_1', 2)).toEqual([1, 1, 5, 5]);
    expect(contents(cache, 'past_value_2', 2)).toEqual([4, 4, 8, 8]);
    expect(cache.allocatedBytes).toBe(256 * 2 * 2 * 2 * 4);
    cache.reserve(257);
    expect(cache.allocatedBytes).toBe(512 * 2 * 2 * 2 * 4);
    expect(contents(cache, 'past_key_2', 2)).toEqual([2, 2, 6, 6]);
    cache.rewind(1);
    cache.append(Float32Array.of(9, 9, 9, 9, 9, 9, 9, 9), 1);
    expect(contents(cache, 'past_key_1', 2)).toEqual([1, 1, 9, 9]);
    expect(cache.length).toBe(2);
  });

  it('keeps heads apart', () => {
    const config = { ...CONFIG, shape: { ...CONFIG.shape, key_value_heads: 2 } };
    const cache = new KeyValueCache(runtime, config, layers(1, 1));
    cache.reserve(1);
    cache.append(Float32Array.of(1, 1, 2, 2, 3, 3, 4, 4), 1);
    cache.reserve(300);
    const keys = floats(cache.inputs, 'past_key_1');
    expect([keys[0], keys[512 * 2], keys.length]).toEqual([1, 2, 2 * 512 * 2]);
  });
});

describe('CacheBudget', () => {
  it('counts whole steps and takes promises back', () => {
    const budget = new CacheBudget(10 * 256, 1);
    expect(codeOf(budget.promise('a', 257))).toBe('ok');
    expect(budget.promisedBytes).toBe(512);
    expect(codeOf(budget.promise('b', 8 * 256 + 1))).toBe('kv-budget');
    expect(codeOf(budget.promise('b', 8 * 256))).toBe('ok');
    budget.release('a');
    expect(budget.promisedBytes).toBe(8 * 256);
  });

  it('says whether waiting can help', () => {
    const result = new CacheBudget(256, 1).promise('a', 257);
    expect(!result.ok && result.error.retryable).toBe(false);
  });

  it('limits the number of sequences', () => {
    const budget = new CacheBudget(Number.MAX_SAFE_INTEGER, 1);
    for (let index = 0; index < 256; index++) expect(codeOf(budget.promise(`${index}`, 1))).toBe('ok');
    expect(codeOf(budget.promise('one more', 1))).toBe('sequence-limit');
  });
});
