import { describe, expect, it } from 'vitest';
import { PLAIN_TRAITS } from '../models/architectures';
import type { DecoderConfig } from '../models/config';
import { codeOf, expectValue, layers } from '../testdata/tore-tiny';
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
  const options = {
    runtime,
    config: CONFIG,
    range: layers(1, 1),
    precision: 'fp32',
    graphPath: 'unused',
    providers: [],
  } as const;
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
