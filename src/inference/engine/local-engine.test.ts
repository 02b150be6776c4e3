import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Sampling } from '../../protocol/compute/model';
import {
  codeOf,
  expectValue,
  generate,
  golden,
  GREEDY,
  layers,
  TORE_TINY,
  type PipelineStage,
} from '../testdata/tore-tiny';
import type { ForwardInput, ForwardRequest, ShardHandle } from './engine';
import { LocalEngine } from './local-engine';

const engine = new LocalEngine();
const SEQUENCE = 'request';
/** Enough for the weights, the scratch memory and a KV cache of a little more than two sequences of 512 positions. */
let budgetBytes = 0;
let cacheFolder = '';
let whole: ShardHandle;
let last: ShardHandle;

const [shard, story] = [golden.cases[0], golden.cases[4]];
if (shard === undefined || story === undefined) throw new Error('the reference lacks cases');

beforeAll(async () => {
  cacheFolder = await mkdtemp(join(tmpdir(), 'tore-engine-'));
  const load = { folder: TORE_TINY, cacheFolder, threads: 1 };
  last = expectValue(await engine.loadShard({ ...load, range: layers(4, 7), memoryBudgetBytes: 1 << 28 }));
  const estimate = expectValue(await engine.loadShard({ ...load, range: layers(0, 7), memoryBudgetBytes: 1 << 28 }));
  expectValue(await engine.unloadShard(estimate.shardKey));
  // The estimate holds one sequence of 512 positions; room for one and a half more.
  budgetBytes = estimate.memoryBytes + 768 * estimate.kvBytesPerPosition;
  whole = expectValue(await engine.loadShard({ ...load, range: layers(0, 7), memoryBudgetBytes: budgetBytes }));
});

afterEach(async () => {
  for (const { shardKey } of [whole, last]) expectValue(await engine.closeSequence(shardKey, SEQUENCE));
});

afterAll(async () => {
  await engine.close();
  await rm(cacheFolder, { recursive: true, force: true });
});

function open(
  handle: ShardHandle,
  options: { maxPositions?: number; sampling?: Sampling; maxNewTokens?: number } = {},
) {
  return engine.openSequence({ shardKey: handle.shardKey, sequenceId: SEQUENCE, maxPositions: 256, ...options });
}

function forward(
  handle: ShardHandle,
  position: number,
  input: ForwardInput,
  options: Pick<ForwardRequest, 'sample'> = {},
) {
  return engine.forward({ shardKey: handle.shardKey, sequenceId: SEQUENCE, position, input, ...options });
}

const stages = (): readonly PipelineStage[] => [{ engine, shard: whole }];

describe('loading', () => {
  it('describes the shard', () => {
    expect(whole).toMatchObject({
      modelId: 'tore-tiny',
      range: layers(0, 7),
      totalLayers: 8,
      provider: 'cpu',
      providerReasons: [],
      // 2 × 2 heads × 32 numbers × 8 layers × 4 bytes
      kvBytesPerPosition: 4_096,
    });
  });

  it('returns the handle of a shard that is loaded already', async () => {
    const request = { folder: TORE_TINY, range: layers(0, 7), cacheFolder, memoryBudgetBytes: budgetBytes };
    expect(expectValue(await engine.loadShard(request))).toEqual(whole);
  });

  it('says with numbers what does not fit', async () => {
    const request = { folder: TORE_TINY, range: layers(2, 3), cacheFolder, memoryBudgetBytes: 1_000_000 };
    const result = await engine.loadShard(request);
    expect(codeOf(result)).toBe('memory-insufficient');
    expect(!result.ok && result.error.message).toMatch(/needs \d+\.\d MiB .* and 976\.6 KiB are allowed/);
  });

  it.each([layers(3, 2), layers(0, 8), layers(-1, 2), layers(0.5, 2)])('refuses the range %j', async (range) => {
    const request = { folder: TORE_TINY, range, cacheFolder, memoryBudgetBytes: 1 << 28 };
    expect(codeOf(await engine.loadShard(request))).toBe('range-invalid');
  });

  it('falls back to the processor and keeps the reasons', async () => {
    const local = new LocalEngine();
    const request = { folder: TORE_TINY, range: layers(7, 7), cacheFolder, memoryBudgetBytes: 1 << 28 };
    const handle = expectValue(await local.loadShard({ ...request, providers: ['coreml', 'no-such-provider'] }));
    await local.close();
    expect(handle.provider).toBe('cpu');
    expect(handle.providerReasons).toHaveLength(process.platform === 'darwin' ? 1 : 2);
  });

  it('stops on an abort, before and while it works', async () => {
    const local = new LocalEngine();
    const request = { folder: TORE_TINY, range: layers(1, 6), cacheFolder, memoryBudgetBytes: 1 << 28 };
    expect(codeOf(await local.loadShard(request, { signal: AbortSignal.abort() }))).toBe('cancelled');
    const controller = new AbortController();
    const onProgress = (fraction: number): void => {
      if (fraction > 0.5) controller.abort();
    };
    expect(codeOf(await local.loadShard(request, { signal: controller.signal, onProgress }))).toBe('cancelled');
    await local.close();
  });

  it('reports progress from 0 to 1, never backwards', async () => {
    const local = new LocalEngine();
    const seen: number[] = [];
    const request = { folder: TORE_TINY, range: layers(1, 1), cacheFolder, memoryBudgetBytes: 1 << 28 };
    expectValue(await local.loadShard(request, { onProgress: (fraction) => seen.push(fraction) }));
    await local.close();
    expect(seen).toEqual([...seen].sort((a, b) => a - b));
    expect(seen.at(-1)).toBe(1);
  });
});

describe('wrong input leaves the cache as it was', () => {
  const activation = (positions: number, value = 0.1): ForwardInput => ({
    activation: new Float32Array(positions * 128).fill(value),
    positions,
  });

  it.each<[string, ForwardInput]>([
    ['an id beyond the vocabulary', { inputIds: [5, 1_024] }],
    ['a negative id', { inputIds: [-1] }],
    ['half an id', { inputIds: [1.5] }],
    ['no ids', { inputIds: [] }],
    ['activations', activation(1)],
  ])('first shard: %s', async (_, input) => {
    expectValue(await open(whole));
    expectValue(await forward(whole, 0, { inputIds: shard.input_ids }));
    expect(codeOf(await forward(whole, 12, input))).toBe('input-invalid');
    // Position 12 is still the next one.
    expect(codeOf(await forward(whole, 12, { inputIds: [7] }))).toBe('ok');
  });

  it.each<[string, ForwardInput]>([
    ['too few numbers', { activation: new Float32Array(127), positions: 1 }],
    ['too many numbers', { activation: new Float32Array(256), positions: 1 }],
    ['no positions', { activation: new Float32Array(0), positions: 0 }],
    ['NaN', activation(2, Number.NaN)],
    ['infinity', activation(1, Number.NEGATIVE_INFINITY)],
    ['token ids', { inputIds: [1] }],
  ])('later shard: %s', async (_, input) => {
    expectValue(await open(last));
    expectValue(await forward(last, 0, activation(3)));
    expect(codeOf(await forward(last, 3, input))).toBe('input-invalid');
    expect(codeOf(await forward(last, 3, activation(1)))).toBe('ok');
  });

  it('knows its shards and sequences', async () => {
    expect(codeOf(await forward(whole, 0, { inputIds: [1] }))).toBe('sequence-unknown');
    expect(codeOf(await engine.tokenize('nothing', { prompt: 'Hello' }))).toBe('shard-unknown');
    expect(codeOf(await engine.unloadShard('nothing'))).toBe('shard-unknown');
    expectValue(await open(whole));
    expect(codeOf(await open(whole))).toBe('sequence-exists');
    expect(codeOf(await engine.closeSequence('nothing', 'nothing'))).toBe('ok');
  });

  it('refuses openings out of range', async () => {
    expect(codeOf(await open(whole, { maxPositions: 0 }))).toBe('input-invalid');
    expect(codeOf(await open(whole, { maxPositions: 513 }))).toBe('context-exceeded');
    expect(codeOf(await open(whole, { maxNewTokens: 0 }))).toBe('input-invalid');
    expect(codeOf(await open(whole, { sampling: { temperature: -1, top_k: 0, top_p: 1 } }))).toBe('input-invalid');
    const nameless = { shardKey: whole.shardKey, sequenceId: '', maxPositions: 4 };
    expect(codeOf(await engine.openSequence(nameless))).toBe('input-invalid');
  });

  it('refuses positions ahead of the cache and beyond the sequence', async () => {
    expectValue(await open(whole, { maxPositions: 13 }));
    expect(codeOf(await forward(whole, 1, { inputIds: [1] }))).toBe('position-mismatch');
    expectValue(await forward(whole, 0, { inputIds: shard.input_ids }));
    expect(codeOf(await forward(whole, 13, { inputIds: [1] }))).toBe('position-mismatch');
    expect(codeOf(await forward(whole, 12, { inputIds: [1, 2] }))).toBe('context-exceeded');
    expect(codeOf(await forward(whole, 12, { inputIds: [1] }))).toBe('ok');
  });
});

describe('KV memory', () => {
  it('promises it when a sequence opens and takes it back when it closes', async () => {
    const request = { shardKey: whole.shardKey, maxPositions: 512 };
    expectValue(await engine.openSequence({ ...request, sequenceId: 'a' }));
    expectValue(await engine.openSequence({ ...request, sequenceId: 'b' }));
    const refused = await engine.openSequence({ ...request, sequenceId: 'c' });
    expect(codeOf(refused)).toBe('kv-budget');
    expect(!refused.ok && refused.error).toMatchObject({
      retryable: true,
      message: 'A sequence of 512 positions needs 2.0 MiB of KV cache; 1.0 MiB of 5.0 MiB are free.',
    });
    expect(codeOf(await engine.openSequence({ ...request, sequenceId: 'c', maxPositions: 256 }))).toBe('ok');
    expect(expectValue(await engine.metrics())).toMatchObject({
      openSequences: 3,
      kvReservedBytes: 5 << 20,
      kvBytes: 0,
    });
    for (const sequenceId of ['a', 'b', 'c']) expectValue(await engine.closeSequence(whole.shardKey, sequenceId));
    expect(expectValue(await engine.metrics())).toMatchObject({ openSequences: 0, kvReservedBytes: 0 });
  });

  it('allocates in pages of 64 positions, and growing changes no result', async () => {
    const ids = Array.from({ length: 300 }, (_, index) => (index * 37) % 1_024);
    expectValue(await open(whole, { maxPositions: 512 }));
    expectValue(await forward(whole, 0, { inputIds: ids.slice(0, 250) }));
    expect(expectValue(await engine.metrics()).kvBytes).toBe(256 * whole.kvBytesPerPosition);
    const grown = expectValue(await forward(whole, 250, { inputIds: ids.slice(250) }));
    expect(expectValue(await engine.metrics()).kvBytes).toBe(320 * whole.kvBytesPerPosition);
    expectValue(await engine.closeSequence(whole.shardKey, SEQUENCE));
    expectValue(await open(whole, { maxPositions: 512 }));
    const atOnce = expectValue(await forward(whole, 0, { inputIds: ids }));
    if (grown.kind !== 'activation' || atOnce.kind !== 'activation') throw new Error('logits were asked for');
    for (const [index, value] of atOnce.activation.entries()) {
      expect(Math.abs(value - (grown.activation[index] ?? Number.NaN))).toBeLessThanOrEqual(2e-4);
    }
  });
});

describe('going back', () => {
  it('repeats a step with the same token and the same text', async () => {
    const sampling: Sampling = { temperature: 1.2, top_k: 0, top_p: 1, seed: 7 };
    expectValue(await open(whole, { sampling }));
    let output = expectValue(await forward(whole, 0, { inputIds: story.input_ids }));
    let position = story.input_ids.length;
    for (let step = 0; step < 12; step++) {
      if (output.kind !== 'token') throw new Error('a token was expected');
      const input = { inputIds: output.tokens.map(({ tokenId }) => tokenId) };
      const first = expectValue(await forward(whole, position, input));
      const again = expectValue(await forward(whole, position, input));
      expect({ ...again, computeMs: 0 }).toEqual({ ...first, computeMs: 0 });
      position += 1;
      output = again;
    }
  });

  it('takes a finished answer up again from an earlier position', async () => {
    expectValue(await open(whole, { sampling: GREEDY, maxNewTokens: 1 }));
    const first = expectValue(await forward(whole, 0, { inputIds: shard.input_ids }));
    expect(first).toMatchObject({ kind: 'token', finishReason: 'length' });
    expect(codeOf(await forward(whole, 12, { inputIds: [7] }))).toBe('sequence-finished');
    const again = expectValue(await forward(whole, 0, { inputIds: shard.input_ids }));
    expect({ ...again, computeMs: 0 }).toEqual({ ...first, computeMs: 0 });
  });
});

describe('cancelling', () => {
  it('stops a prefill when its sequence is closed', async () => {
    expectValue(await open(whole, { maxPositions: 512 }));
    const ids = Array.from({ length: 500 }, (_, index) => index);
    const before = expectValue(await engine.metrics()).positionsProcessed;
    const running = forward(whole, 0, { inputIds: ids });
    expectValue(await engine.closeSequence(whole.shardKey, SEQUENCE));
    expect(codeOf(await running)).toBe('cancelled');
    const after = expectValue(await engine.metrics());
    expect(after).toMatchObject({ positionsProcessed: before, openSequences: 0, kvReservedBytes: 0 });
  });

  it('stops a prefill when its shard is unloaded', async () => {
    const local = new LocalEngine();
    const request = { folder: TORE_TINY, range: layers(0, 7), cacheFolder, memoryBudgetBytes: 1 << 28, threads: 1 };
    const { shardKey } = expectValue(await local.loadShard(request));
    expectValue(await local.openSequence({ shardKey, sequenceId: SEQUENCE, maxPositions: 512 }));
    const inputIds = Array.from({ length: 500 }, (_, index) => index);
    const running = local.forward({ shardKey, sequenceId: SEQUENCE, position: 0, input: { inputIds } });
    expectValue(await local.unloadShard(shardKey));
    expect(codeOf(await running)).toBe('cancelled');
    expect(codeOf(await local.tokenize(shardKey, { prompt: 'Hello' }))).toBe('shard-unknown');
    await local.close();
    expect(codeOf(await local.loadShard(request))).toBe('engine-gone');
  });

  it('runs a second pass of a sequence behind the first one, and refuses a third', async () => {
    const ids = shard.input_ids;
    expectValue(await open(whole, { sampling: GREEDY }));
    const [first, second, third] = await Promise.all([
      forward(whole, 0, { inputIds: ids.slice(0, 5) }, { sample: false }),
      forward(whole, 5, { inputIds: ids.slice(5) }),
      forward(whole, ids.length, { inputIds: [1] }),
    ]);
    expect(expectValue(first)).toMatchObject({ kind: 'filled', positions: 5 });
    expect(expectValue(second)).toMatchObject({ tokens: [{ tokenId: shard.greedy_ids[0] }] });
    expect(codeOf(third)).toBe('sequence-busy');
    expect(codeOf(await forward(whole, ids.length, { inputIds: [1] }))).toBe('ok');
  });

  it('ends a waiting pass with its sequence', async () => {
    expectValue(await open(whole));
    const passes = [forward(whole, 0, { inputIds: shard.input_ids }), forward(whole, 0, { inputIds: [1] })];
    expectValue(await engine.closeSequence(whole.shardKey, SEQUENCE));
    expect((await Promise.all(passes)).map(codeOf)).toEqual(['cancelled', 'cancelled']);
  });
});

describe('answers', () => {
  it('end with "length" at the token limit and at the end of the sequence', async () => {
    const limited = await generate(stages(), shard.input_ids, { maxNewTokens: 5 });
    expect(limited).toMatchObject({ ids: shard.greedy_ids.slice(0, 5), finishReason: 'length' });
    expectValue(await open(whole, { sampling: GREEDY, maxPositions: shard.input_ids.length }));
    const output = expectValue(await forward(whole, 0, { inputIds: shard.input_ids }));
    expect(output).toMatchObject({ tokens: [{ tokenId: shard.greedy_ids[0] }], finishReason: 'length' });
  });

  it('end before a stop string, also where it is spread over tokens', async () => {
    const stop = 'of neighbouring transformer';
    const answer = await generate(stages(), shard.input_ids, { sampling: { ...GREEDY, stop: ['no such text', stop] } });
    expect(answer.finishReason).toBe('stop');
    expect(answer.text).toBe(shard.greedy_text.slice(0, shard.greedy_text.indexOf(stop)));
  });

  it('give out at the end what was held back for a stop string', async () => {
    const sampling = { ...GREEDY, stop: [`${shard.greedy_text.slice(-6)} and more`] };
    expect((await generate(stages(), shard.input_ids, { sampling })).text).toBe(shard.greedy_text);
  });

  it('repeat with the same seed and differ with another', async () => {
    const sampled = (seed: number) =>
      generate(stages(), story.input_ids, { sampling: { temperature: 1.5, top_k: 50, top_p: 0.95, seed } });
    const first = await sampled(1);
    expect(await sampled(1)).toEqual(first);
    expect((await sampled(2)).ids).not.toEqual(first.ids);
  });
});
