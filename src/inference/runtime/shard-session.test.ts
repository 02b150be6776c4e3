import { describe, expect, it } from 'vitest';
import { PLAIN_TRAITS } from '../models/architectures';
import type { DecoderConfig } from '../models/config';
import { codeOf, expectValue, layers } from '../testdata/tore-tiny';
import type { OnnxRuntime, OnnxSession, TensorMap } from './onnx-runtime';
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

/** Products of as many rows: each row the same, or another one for a row alone, as some kernels give it. */
type Products = (rows: number) => readonly number[];
const steady: Products = (rows) => Array<number>(rows).fill(1);
const otherAlone: Products = (rows) => Array<number>(rows).fill(rows === 1 ? 2 : 1);
const alwaysOther: Products = (rows) => Array<number>(rows).fill(rows);

/** A runtime whose graph is a function; records the chunk sizes it was given. */
function fakeRuntime(run: Run, products: Products): { runtime: OnnxRuntime; chunks: number[] } {
  const chunks: number[] = [];
  let call = 0;
  const measured: OnnxSession = {
    run: async (inputs) => {
      const rows = floats(inputs, 'rows').length / 128;
      return {
        products: { data: Float32Array.from(products(rows).flatMap((value) => Array<number>(64).fill(value))) },
      };
    },
    release: async () => undefined,
  };
  const runtime: OnnxRuntime = {
    listSupportedBackends: () => [],
    createSession: async (graph) =>
      typeof graph !== 'string'
        ? measured
        : {
            run: async (inputs) => {
              chunks.push(floats(inputs, 'activation_in').length / 2);
              await new Promise((resolve) => setImmediate(resolve));
              return run(inputs, call++);
            },
            release: async () => undefined,
          },
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

async function open(
  run: Run,
  products = steady,
): Promise<{ shard: ShardSession; chunks: number[]; runtime: OnnxRuntime; reasons: readonly string[] }> {
  const { runtime, chunks } = fakeRuntime(run, products);
  const options = {
    runtime,
    config: CONFIG,
    range: layers(1, 1),
    precision: 'fp32',
    graphPath: 'unused',
    providers: [],
  } as const;
  const { shard, reasons } = expectValue(await ShardSession.open(options));
  chunks.length = 0;
  return { shard, chunks, runtime, reasons };
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

  it('gives a position company where a row alone has other bits, and takes nothing of it', async () => {
    const { shard, chunks, reasons } = await open(echo, otherAlone);
    const cache = shard.createCache();
    const first = activation(1, 5);
    expect(expectValue(await shard.run(cache, first))).toEqual(first.activation);
    expect(chunks).toEqual([2]);
    expect(cache.length).toBe(1);
    expect(cache.copy(0, 1)).toEqual([Float32Array.of(5, 6, 5, 6)]);
    const others = [cache, shard.createCache(), shard.createCache()];
    const passes = others.map((one, index) => shard.begin(one, activation(1, 10 * index)));
    expectValue(await shard.advance(passes));
    expect(chunks).toEqual([2, 3]);
    expect(passes.map(({ output }) => [...output])).toEqual([
      [0, 1],
      [10, 11],
      [20, 21],
    ]);
    expect(others.map(({ length }) => length)).toEqual([2, 1, 1]);
    expect(reasons).toEqual([]);
  });

  it('lets a position go alone where nobody asked for the same bits again, and never in its place another one', async () => {
    const { shard, chunks } = await open(echo, otherAlone);
    const [drawn, greedy] = [shard.createCache(), shard.createCache()];
    expectValue(await shard.run(drawn, activation(1), { isRepeatable: false }));
    expect(chunks).toEqual([1]);
    const passes = [shard.begin(drawn, activation(1), { isRepeatable: false })];
    expectValue(await shard.advance(passes));
    expect(chunks).toEqual([1, 1]);
    expectValue(await shard.advance([shard.begin(greedy, activation(1))]));
    expect(chunks).toEqual([1, 1, 2]);
    expect([drawn.length, greedy.length]).toEqual([2, 1]);
  });

  it('lets a position go alone where its bits are the same, and says where no company helps', async () => {
    for (const [products, told] of [
      [steady, 0],
      [alwaysOther, 1],
    ] as const) {
      const { shard, chunks, reasons } = await open(echo, products);
      expectValue(await shard.run(shard.createCache(), activation(1)));
      expect(chunks).toEqual([1]);
      expect(reasons).toHaveLength(told);
    }
  });
});
