import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readModelFolder, type ModelFolder } from '../models/model-folder';
import { plainGraphForm } from '../shards/graph-form';
import { cutShard } from '../shards/cut-shard';
import type { ShardPrecision } from '../shards/weight-layout';
import { writeCheckpoint } from '../testdata/random-checkpoint';
import { codeOf, expectValue, layers, TORE_TINY } from '../testdata/tore-tiny';
import type { Device } from '../device';
import { loadOnnxRuntime, type OnnxRuntime, type OnnxSession } from './onnx-runtime';
import type { SegmentedCache } from './segmented-cache';
import { ShardSegment } from './shard-segment';
import { ShardSession } from './shard-session';
import { measureSteadyRows } from './steady-rows';

/** What a split shard promises: the bits of the whole one, in every kind of run, and all of its caches or none. */
let folder = '';
let real: OnnxRuntime;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tore-segments-'));
  real = await loadOnnxRuntime();
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const FIELDS = {
  architectures: ['MistralForCausalLM'],
  vocab_size: 1_024,
  hidden_size: 128,
  intermediate_size: 192,
  num_hidden_layers: 3,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  rms_norm_eps: 1e-5,
  max_position_embeddings: 512,
  rope_theta: 10_000,
  sliding_window: 40,
};

/** First layers of the segments behind the first. */
const CASES: readonly (readonly [string, ShardPrecision, object | undefined, readonly number[]])[] = [
  ['the shipped model', 'fp32', undefined, [4]],
  ['the shipped model', 'fp32', undefined, [1, 6]],
  ['the shipped model', 'int4', undefined, [2, 7]],
  ['a random model', 'int8', FIELDS, [1]],
  ['a random model', 'int4', FIELDS, [1, 2]],
  ['a random model', 'fp32', FIELDS, [2]],
];

async function readCase(fields: object | undefined): Promise<ModelFolder> {
  if (fields === undefined) return expectValue(await readModelFolder(TORE_TINY));
  const path = await mkdtemp(join(folder, 'model-'));
  await writeCheckpoint(path, fields, { seed: 3 });
  return expectValue(await readModelFolder(path));
}

/** Opens a model cut before the given layers, each segment on its device. */
async function open(
  model: ModelFolder,
  precision: ShardPrecision,
  cuts: readonly number[],
  { runtime = real, devices = [] as readonly Device[] } = {},
): Promise<ShardSession> {
  const starts = [0, ...cuts];
  const segments: ShardSegment[] = [];
  for (const [index, start] of starts.entries()) {
    const range = layers(start, (starts[index + 1] ?? model.config.shape.layers) - 1);
    const { graphPath } = expectValue(await cutShard(model, range, join(folder, 'cache'), { precision }));
    const options = { runtime, config: model.config, range, graphPath, form: plainGraphForm(precision), threads: 1 };
    const device = devices[index] ?? { provider: 'cpu' };
    const segment = await ShardSegment.open(options, device, await measureSteadyRows(runtime, precision, device, 1));
    await segment.verify();
    segments.push(segment);
  }
  return new ShardSession(runtime, model.config, segments);
}

function idsOf(seed: number, count: number): number[] {
  return Array.from({ length: count }, (_, index) => (seed * 131 + index * 37 + 11) % 1_000);
}

async function run(shard: ShardSession, cache: SegmentedCache, ids: readonly number[], logitRows = 1): Promise<string> {
  return bitsOf(expectValue(await shard.run(cache, { kind: 'tokens', ids }, { logitRows })));
}

function bitsOf(values: Float32Array): string {
  return Buffer.from(values.slice().buffer).toString('base64');
}

/** Everything a shard gives in a day's work: prompts in pieces, steps alone and together, drafts, retreats, reuse. */
async function work(shard: ShardSession): Promise<string[]> {
  const results: string[] = [];
  const first = shard.createCache();
  results.push(await run(shard, first, idsOf(1, 300), 3));
  for (const id of idsOf(2, 4)) results.push(await run(shard, first, [id]));
  results.push(await run(shard, first, idsOf(3, 9), 9));
  first.rewind(302);
  results.push(await run(shard, first, idsOf(4, 30), 30));
  // The first chunk of another prompt with the same beginning is taken over.
  const second = shard.createCache();
  second.reserve(128);
  second.restore(first.copy(0, 128), 128);
  results.push(await run(shard, second, idsOf(5, 70)));
  const third = shard.createCache();
  results.push(await run(shard, third, idsOf(6, 10), 2));
  for (let step = 0; step < 3; step++) {
    const members = step === 1 ? [first, third] : [first, second, third];
    const passes = members.map((cache, index) => shard.begin(cache, { kind: 'tokens', ids: [step * 7 + index] }));
    expectValue(await shard.advance(passes));
    results.push(...passes.map(({ output }) => bitsOf(output)));
  }
  for (const cache of [first, second, third]) cache.dispose();
  return results;
}

describe.each(CASES)('%s in %s', (_, precision, fields, cuts) => {
  it(`gives the bits of the whole when cut before layers ${cuts.join(' and ')}`, async () => {
    const model = await readCase(fields);
    const whole = await open(model, precision, []);
    const split = await open(model, precision, cuts);
    expect(split.segments).toHaveLength(cuts.length + 1);
    expect(split.range).toEqual(whole.range);
    const expected = await work(whole);
    expect(expected).toHaveLength(17);
    expect(new Set(expected).size).toBe(expected.length);
    expect(await work(split)).toEqual(expected);
    await whole.release();
    await split.release();
  });
});

/** Runs of the graphs of the last segment go through `intercept`; devices other than `cpu` are told apart by name alone. */
function intercepted(intercept: (provider: string, next: OnnxSession['run']) => OnnxSession['run']): OnnxRuntime {
  return {
    ...real,
    createSession: async (graph, options) => {
      const provider = String(options.executionProviders[0]);
      const session = await real.createSession(graph, { ...options, executionProviders: ['cpu'] });
      const next: OnnxSession['run'] = (inputs) => session.run(inputs);
      return { run: intercept(provider, next), release: () => session.release() };
    },
  };
}

const CARD_AND_CPU: readonly Device[] = [{ provider: 'card' }, { provider: 'cpu' }];

describe('a shard on two devices', () => {
  it('leaves all caches as they were when the second device fails, at whatever chunk', async () => {
    const model = await readCase(undefined);
    let remaining = Number.POSITIVE_INFINITY;
    const runtime = intercepted((provider, next) => async (inputs) => {
      if (provider === 'cpu' && remaining-- <= 0) throw new Error('device lost');
      return next(inputs);
    });
    const shard = await open(model, 'fp32', [4], { runtime, devices: CARD_AND_CPU });
    const cache = shard.createCache();
    const other = shard.createCache();
    await run(shard, cache, idsOf(1, 20));
    await run(shard, other, idsOf(2, 5));
    const expected = await run(shard, cache, [7]);
    cache.rewind(20);
    const held = JSON.stringify(cache.copy(0, 20));

    remaining = 1;
    expect(codeOf(await shard.run(cache, { kind: 'tokens', ids: idsOf(3, 300) }))).toBe('run-failed');
    expect(cache.parts.map(({ length }) => length)).toEqual([20, 20]);
    remaining = 0;
    const passes = [cache, other].map((one) => shard.begin(one, { kind: 'tokens', ids: [7] }));
    const failed = await shard.advance(passes);
    expect(codeOf(failed)).toBe('run-failed');
    expect(!failed.ok && failed.error.message).toContain('(cpu): device lost');
    expect([...cache.parts, ...other.parts].map(({ length }) => length)).toEqual([20, 20, 5, 5]);

    remaining = Number.POSITIVE_INFINITY;
    expect(JSON.stringify(cache.copy(0, 20))).toBe(held);
    expect(await run(shard, cache, [7])).toBe(expected);
    await shard.release();
  });

  it('does not begin with the second device for a sequence that was closed meanwhile, and serves the others', async () => {
    const model = await readCase(undefined);
    let onCard: () => void = () => undefined;
    let runsOnCpu = 0;
    const runtime = intercepted((provider, next) => async (inputs) => {
      const outputs = await next(inputs);
      if (provider === 'card') onCard();
      else if ('activation_in' in inputs) runsOnCpu++;
      return outputs;
    });
    const shard = await open(model, 'fp32', [4], { runtime, devices: CARD_AND_CPU });
    const staying = shard.createCache();
    const leaving = shard.createCache();
    await run(shard, staying, idsOf(1, 80));
    const expected = await run(shard, staying, [7]);
    staying.rewind(80);
    await run(shard, leaving, idsOf(2, 5));
    const ids = [7];
    const passes = [leaving, staying].map((cache) => shard.begin(cache, { kind: 'tokens', ids }));
    let closed = false;
    onCard = () => {
      closed = true;
      leaving.dispose();
    };
    const isCancelled = (pass: { readonly cache: SegmentedCache }): boolean => closed && pass.cache === leaving;
    expectValue(await shard.advance(passes, isCancelled));
    expect(bitsOf(passes[1]?.output ?? new Float32Array())).toBe(expected);
    expect([...leaving.parts, ...staying.parts].map(({ length }) => length)).toEqual([0, 0, 81, 81]);

    const alone = shard.createCache();
    closed = false;
    onCard = () => {
      closed = true;
      alone.dispose();
    };
    const before = runsOnCpu;
    const pass = shard.begin(alone, { kind: 'tokens', ids });
    expect(codeOf(await shard.advance([pass], () => closed))).toBe('cancelled');
    expect(runsOnCpu).toBe(before);
    await shard.release();
  });

  it('gives positions the company the more demanding device needs, and names the one no company helps', async () => {
    const model = await readCase(undefined);
    /** Changes the products a row alone has, or those of every number of rows. */
    const machine = (change: (rows: number) => number) => {
      const seen: number[] = [];
      const runtime = intercepted((provider, next) => async (inputs) => {
        const outputs = await next(inputs);
        const products = outputs['products']?.data;
        if (provider === 'card' && products instanceof Float32Array) {
          const added = change(products.length / 64);
          return { products: { data: products.map((value) => value + added) } };
        }
        const activation = inputs['activation_in']?.data;
        if (activation instanceof Float32Array) seen.push(activation.length / model.config.shape.hidden_size);
        return outputs;
      });
      return { runtime, seen };
    };
    const alone = machine((rows) => (rows === 1 ? 1 : 0));
    const shard = await open(model, 'fp32', [4], { runtime: alone.runtime, devices: CARD_AND_CPU });
    alone.seen.length = 0;
    await run(shard, shard.createCache(), [7]);
    expect(shard.segments.map(({ steadyRows }) => steadyRows)).toEqual([2, 1]);
    expect(alone.seen).toEqual([2]);
    expect(shard.isSteady).toBe(true);
    expect(shard.explainUnsteady()).toEqual([]);

    const never = machine((rows) => rows);
    const unsteady = await open(model, 'fp32', [4], { runtime: never.runtime, devices: CARD_AND_CPU });
    expect(unsteady.isSteady).toBe(false);
    expect(unsteady.explainUnsteady()).toEqual([
      'card gives answers that are served together other last bits than alone.',
    ]);
    await shard.release();
    await unsteady.release();
  });
});
