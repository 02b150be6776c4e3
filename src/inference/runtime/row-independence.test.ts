import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readModelFolder } from '../models/model-folder';
import { cutShard } from '../shards/cut-shard';
import type { ShardPrecision } from '../shards/weight-layout';
import { writeCheckpoint } from '../testdata/random-checkpoint';
import { expectValue, layers, TORE_TINY } from '../testdata/tore-tiny';
import { loadOnnxRuntime } from './onnx-runtime';
import type { SegmentedCache } from './segmented-cache';
import { ShardSession } from './shard-session';

/**
 * What the engine promises: a position's bits do not depend on what else is in its run. Whoever changes the graph or
 * onnxruntime sees here whether that still holds.
 */
let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tore-rows-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Around the borders of pages (64) and of prompt chunks (128). */
const PROMPTS = [5, 17, 63, 64, 130, 200, 257, 90];
const STEPS = 12;

const CASES: readonly (readonly [string, ShardPrecision, object | undefined, number])[] = [
  ['the shipped model', 'fp32', undefined, 1],
  ['the shipped model', 'fp32', undefined, 2],
  ['the shipped model', 'int8', undefined, 2],
  ['the shipped model', 'int4', undefined, 1],
  ['a model without grouped queries', 'int4', { num_attention_heads: 4, num_key_value_heads: 4 }, 2],
  ['many queries for one key', 'int8', { num_attention_heads: 8, num_key_value_heads: 1, head_dim: 32 }, 1],
  ['a window of 40 positions', 'fp32', { architectures: ['MistralForCausalLM'], sliding_window: 40 }, 1],
];

async function open(precision: ShardPrecision, fields: object | undefined, threads: number): Promise<ShardSession> {
  let path = TORE_TINY;
  if (fields !== undefined) {
    path = await mkdtemp(join(folder, 'model-'));
    const base = {
      architectures: ['LlamaForCausalLM'],
      vocab_size: 1_024,
      hidden_size: 128,
      intermediate_size: 192,
      num_hidden_layers: 2,
      num_attention_heads: 4,
      num_key_value_heads: 2,
      rms_norm_eps: 1e-5,
      max_position_embeddings: 512,
      rope_theta: 10_000,
    };
    await writeCheckpoint(path, { ...base, ...fields }, { seed: 3 });
  }
  const model = expectValue(await readModelFolder(path));
  const range = layers(0, model.config.shape.layers - 1);
  const { graphPath } = expectValue(await cutShard(model, range, join(folder, 'cache'), { precision }));
  const runtime = await loadOnnxRuntime();
  const options = { runtime, config: model.config, range, precision, graphPath, providers: [], threads };
  return expectValue(await ShardSession.open(options)).shard;
}

function idsOf(seed: number, count: number): number[] {
  return Array.from({ length: count }, (_, index) => (seed * 131 + index * 37 + 11) % 1_000);
}

async function fill(shard: ShardSession, seed: number, positions: number): Promise<SegmentedCache> {
  const cache = shard.createCache();
  expectValue(await shard.run(cache, { kind: 'tokens', ids: idsOf(seed, positions) }));
  return cache;
}

/** Logits of one position after the other, each alone. */
async function stepAlone(shard: ShardSession, cache: SegmentedCache, ids: readonly number[]): Promise<Buffer[]> {
  const rows: Buffer[] = [];
  for (const id of ids) rows.push(bytesOf(expectValue(await shard.run(cache, { kind: 'tokens', ids: [id] }))));
  return rows;
}

function bytesOf(values: Float32Array): Buffer {
  return Buffer.from(values.slice().buffer);
}

describe.each(CASES)('%s in %s', (_, precision, fields, threads) => {
  let shard: ShardSession;
  beforeAll(async () => {
    shard = await open(precision, fields, threads);
  });
  afterAll(() => shard.release());

  it('gives each sequence of a batch the bits it has alone', async () => {
    const alone: Buffer[][] = [];
    for (const [seed, length] of PROMPTS.entries()) {
      const cache = await fill(shard, seed, length);
      alone.push(await stepAlone(shard, cache, idsOf(seed + 50, STEPS)));
      cache.dispose();
    }
    const caches: SegmentedCache[] = [];
    for (const [seed, length] of PROMPTS.entries()) caches.push(await fill(shard, seed, length));
    for (let step = 0; step < STEPS; step++) {
      // Others come and go: what is together in a run changes with every step.
      const members = [...caches.keys()].filter((index) => step < 2 || (index + step) % 3 !== 0);
      const passes = members.map((index) =>
        shard.begin(caches[index] ?? shard.createCache(), {
          kind: 'tokens',
          ids: [idsOf(index + 50, STEPS)[step] ?? 0],
        }),
      );
      expectValue(await shard.advance(passes));
      for (const [row, index] of members.entries()) {
        expect(bytesOf(passes[row]?.output ?? new Float32Array()).equals(alone[index]?.[step] ?? Buffer.of())).toBe(
          true,
        );
      }
      for (const index of caches.keys()) {
        if (members.includes(index)) continue;
        const [only] = await stepAlone(shard, caches[index] ?? shard.createCache(), [
          idsOf(index + 50, STEPS)[step] ?? 0,
        ]);
        expect(only?.equals(alone[index]?.[step] ?? Buffer.of())).toBe(true);
      }
    }
    for (const cache of caches) cache.dispose();
  });

  it.each(PROMPTS)(
    'gives positions that come together behind %d others the bits of one after the other',
    async (length) => {
      const cache = await fill(shard, 1, length);
      const ids = idsOf(9, STEPS);
      const alone = await stepAlone(shard, cache, ids);
      const next = await stepAlone(shard, cache, [7]);
      cache.rewind(length);
      const together = expectValue(await shard.run(cache, { kind: 'tokens', ids }, { logitRows: STEPS }));
      expect(bytesOf(together).equals(Buffer.concat(alone))).toBe(true);
      // What they left in the cache is the same too.
      expect((await stepAlone(shard, cache, [7]))[0]?.equals(next[0] ?? Buffer.of())).toBe(true);
      cache.dispose();
    },
  );

  it('gives a prompt in pieces of whole chunks the bits of the whole', async () => {
    const ids = idsOf(4, 300);
    const whole = shard.createCache();
    const expected = bytesOf(expectValue(await shard.run(whole, { kind: 'tokens', ids })));
    const cut = shard.createCache();
    expectValue(await shard.run(cut, { kind: 'tokens', ids: ids.slice(0, 128) }));
    const rest = bytesOf(expectValue(await shard.run(cut, { kind: 'tokens', ids: ids.slice(128) })));
    expect(rest.equals(expected)).toBe(true);
    whole.dispose();
    cut.dispose();
  });
});
