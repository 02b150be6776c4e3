import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PREFILL_CHUNK_POSITIONS as CHUNK } from '../shards/estimate-shard';
import { writeCheckpoint } from '../testdata/random-checkpoint';
import { codeOf, expectValue, GREEDY, layers, type PipelineStage } from '../testdata/tore-tiny';
import type { ForwardInput, ForwardOutput, ShardPrecision } from './engine';
import { LocalEngine } from './local-engine';

const FIELDS = {
  architectures: ['LlamaForCausalLM'],
  vocab_size: 1_024,
  hidden_size: 64,
  intermediate_size: 96,
  num_hidden_layers: 3,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  rms_norm_eps: 1e-5,
  max_position_embeddings: 1_024,
};
/** Longer than two chunks, as the ids of a long question. */
const QUESTION = Array.from({ length: 2 * CHUNK + 40 }, (_, index) => (index * 37 + 11) % 1_000);
const ANSWER_TOKENS = 12;

let directory = '';
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tore-prefix-'));
  await writeCheckpoint(join(directory, 'model'), FIELDS, { seed: 4 });
});
afterAll(() => rm(directory, { recursive: true, force: true }));

async function load(
  engine: LocalEngine,
  ranges: readonly (readonly [number, number])[],
  precision: ShardPrecision = 'fp32',
  memoryBudgetBytes = 1 << 28,
): Promise<PipelineStage[]> {
  const stages: PipelineStage[] = [];
  for (const [first, last] of ranges) {
    const request = { folder: join(directory, 'model'), range: layers(first, last), cacheFolder: directory, precision };
    stages.push({ engine, shard: expectValue(await engine.loadShard({ ...request, memoryBudgetBytes, threads: 1 })) });
  }
  return stages;
}

let sequences = 0;

/** Answers a prompt as nodes do: filled in chunks, then sampled token by token. */
async function answer(
  stages: readonly PipelineStage[],
  prompt: readonly number[],
  reuseScope?: string,
): Promise<number[]> {
  const sequenceId = `s${sequences++}`;
  for (const { engine, shard } of stages) {
    const open = {
      shardKey: shard.shardKey,
      sequenceId,
      maxPositions: 600,
      sampling: GREEDY,
      maxNewTokens: ANSWER_TOKENS,
    };
    expectValue(await engine.openSequence({ ...open, reuseScope }));
  }
  const ids: number[] = [];
  const pass = async (position: number, inputIds: readonly number[], sample: boolean): Promise<void> => {
    let input: ForwardInput = { inputIds };
    for (const { engine, shard } of stages) {
      const output: ForwardOutput = expectValue(
        await engine.forward({ shardKey: shard.shardKey, sequenceId, position, input, sample }),
      );
      if (output.kind === 'activation') input = { activation: output.activation, positions: output.positions };
      if (output.kind === 'token') ids.push(...output.tokens.map(({ tokenId }) => tokenId));
    }
  };
  let position = 0;
  for (; prompt.length - position > CHUNK; position += CHUNK) {
    await pass(position, prompt.slice(position, position + CHUNK), false);
  }
  await pass(position, prompt.slice(position), true);
  for (position = prompt.length; ids.length < ANSWER_TOKENS; position++) await pass(position, ids.slice(-1), true);
  for (const { engine, shard } of stages) expectValue(await engine.closeSequence(shard.shardKey, sequenceId));
  return ids;
}

describe.each<[string, readonly (readonly [number, number])[], ShardPrecision]>([
  ['whole', [[0, 2]], 'fp32'],
  ['whole, in 8 bits', [[0, 2]], 'int8'],
  [
    'in two shards',
    [
      [0, 0],
      [1, 2],
    ],
    'fp32',
  ],
])('a second question, the model %s', (_, ranges, precision) => {
  it('is answered with the same tokens, and computes no chunk of the first again', async () => {
    const engine = new LocalEngine();
    const stages = await load(engine, ranges, precision);
    const first = await answer(stages, QUESTION);
    const conversation = [...QUESTION, ...first, 5, 6, 7];
    const expected = await answer(stages, conversation);
    expect(expectValue(await engine.metrics())).toMatchObject({ reusedPositions: 0, prefixBytes: 0 });

    expect(await answer(stages, QUESTION, 'ada')).toEqual(first);
    const before = expectValue(await engine.metrics());
    expect(before.reusedPositions).toBe(0);
    expect(await answer(stages, conversation, 'ada')).toEqual(expected);
    const after = expectValue(await engine.metrics());
    expect(after.reusedPositions).toBe(2 * CHUNK * stages.length);
    const passed = (conversation.length - 2 * CHUNK + ANSWER_TOKENS - 1) * stages.length;
    expect(after.positionsProcessed - before.positionsProcessed).toBe(passed);
    await engine.close();
  });
});

describe('what was computed for a prompt', () => {
  it('is reused by nobody else, and for no other beginning', async () => {
    const engine = new LocalEngine();
    const stages = await load(engine, [[0, 2]]);
    await answer(stages, QUESTION, 'ada');
    await answer(stages, QUESTION, 'bob');
    await answer(stages, QUESTION);
    // Another first token: the second chunk is the same and stands behind something else.
    await answer(stages, [999, ...QUESTION.slice(1)], 'ada');
    expect(expectValue(await engine.metrics()).reusedPositions).toBe(0);
    // Another second chunk behind the same first one.
    await answer(stages, [...QUESTION.slice(0, CHUNK), 1, ...QUESTION.slice(CHUNK + 1)], 'ada');
    expect(expectValue(await engine.metrics()).reusedPositions).toBe(CHUNK);
    await engine.close();
  });

  it('is not found behind another beginning that took the place of the first', async () => {
    const engine = new LocalEngine();
    const [stage] = await load(engine, [[0, 1]]);
    if (stage === undefined) throw new Error('one shard was loaded');
    const { shardKey } = stage.shard;
    const chunks = [1, 2, 3].map((first) => Array.from({ length: CHUNK }, (_, index) => first + index));
    const [a = [], b = [], c = []] = chunks;
    const open = async (sequenceId: string): Promise<void> => {
      expectValue(await engine.openSequence({ shardKey, sequenceId, maxPositions: 600, reuseScope: 'ada' }));
    };
    const send = async (sequenceId: string, position: number, inputIds: readonly number[]) =>
      expectValue(await engine.forward({ shardKey, sequenceId, position, input: { inputIds } }));
    await open('corrected');
    await send('corrected', 0, a);
    await send('corrected', CHUNK, b);
    // Another second chunk, and what follows stands behind that one.
    await send('corrected', CHUNK, c);
    const behindC = await send('corrected', 2 * CHUNK, a);
    await open('plain');
    await send('plain', 0, a);
    await send('plain', CHUNK, b);
    const { reusedPositions } = expectValue(await engine.metrics());
    expect(reusedPositions).toBe(2 * CHUNK);
    expect(await send('plain', 2 * CHUNK, a)).not.toMatchObject({ computeMs: 0 });
    expect(expectValue(await engine.metrics()).reusedPositions).toBe(reusedPositions);
    // What stands behind the right beginning is found.
    await open('again');
    for (const [index, chunk] of [a, c].entries()) await send('again', index * CHUNK, chunk);
    expect(await send('again', 2 * CHUNK, a)).toEqual({ ...behindC, computeMs: 0 });
    await engine.close();
  });

  it('leaves the memory of closed sequences alone while others keep it', async () => {
    const engine = new LocalEngine();
    const [probe] = await load(engine, [[0, 2]]);
    if (probe === undefined) throw new Error('one shard was loaded');
    const { shardKey, kvBytesPerPosition: perPosition, memoryBytes } = probe.shard;
    expectValue(await engine.unloadShard(shardKey));
    // Room for 1,024 positions in all, of which 896 are taken.
    await load(engine, [[0, 2]], 'fp32', memoryBytes);
    for (const [sequenceId, maxPositions] of [
      ['closed', 640],
      ['open', 256],
    ] as const) {
      expectValue(await engine.openSequence({ shardKey, sequenceId, maxPositions }));
      const inputIds = Array<number>(maxPositions).fill(1);
      expectValue(await engine.forward({ shardKey, sequenceId, position: 0, input: { inputIds } }));
    }
    expectValue(await engine.closeSequence(shardKey, 'closed'));
    const kept = { shardKey, sequenceId: 'kept' };
    expectValue(await engine.openSequence({ ...kept, maxPositions: 2 * CHUNK, sampling: GREEDY, reuseScope: 'ada' }));
    for (const position of [0, CHUNK]) {
      const input = { inputIds: QUESTION.slice(position, position + CHUNK) };
      expectValue(await engine.forward({ ...kept, position, input, sample: false }));
    }
    const { prefixBytes } = expectValue(await engine.metrics());
    expect(prefixBytes).toBe(128 * perPosition);
    await engine.close();
  });

  it('is forgotten with the shard', async () => {
    const engine = new LocalEngine();
    const [stage] = await load(engine, [[0, 2]]);
    if (stage === undefined) throw new Error('one shard was loaded');
    await answer([stage], QUESTION, 'ada');
    expect(expectValue(await engine.metrics()).prefixBytes).toBeGreaterThan(0);
    expectValue(await engine.unloadShard(stage.shard.shardKey));
    await answer(await load(engine, [[0, 2]]), QUESTION, 'ada');
    expect(expectValue(await engine.metrics()).reusedPositions).toBe(0);
    await engine.close();
  });

  it('gives way to open sequences, the longest unused first, and never goes beyond the budget', async () => {
    const engine = new LocalEngine();
    const [probe] = await load(engine, [[0, 2]]);
    if (probe === undefined) throw new Error('one shard was loaded');
    const { shardKey, kvBytesPerPosition: perPosition, memoryBytes } = probe.shard;
    expectValue(await engine.unloadShard(shardKey));
    // Room for 1,024 positions in all.
    const stages = await load(engine, [[0, 2]], 'fp32', memoryBytes);
    const prompts = [1, 2, 3].map((first) => [first, ...QUESTION.slice(1)]);
    for (const prompt of prompts) await answer(stages, prompt, 'ada');
    const { prefixBytes } = expectValue(await engine.metrics());
    expect(prefixBytes).toBeGreaterThan(0);
    expect(prefixBytes).toBeLessThanOrEqual(1_024 * perPosition);
    await answer(stages, prompts[2] ?? [], 'ada');
    expect(expectValue(await engine.metrics()).reusedPositions).toBe(2 * CHUNK);
    const open = { shardKey, sequenceId: 'large', maxPositions: 1_000 };
    expectValue(await engine.openSequence(open));
    expect(expectValue(await engine.metrics()).prefixBytes).toBeLessThanOrEqual(24 * perPosition);
    const refused = await engine.openSequence({ ...open, sequenceId: 'more' });
    expect(codeOf(refused)).toBe('kv-budget');
    expect(!refused.ok && refused.error.message).toMatch(/needs .* of KV cache; .* of .* are free/);
    await engine.close();
  });
});
