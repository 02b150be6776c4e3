import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { LayerRange } from '../../protocol/compute/model';
import { EMBEDDING_TENSOR } from '../models/decoder-tensors';
import { openWeightStore } from '../models/weight-store';
import {
  closeThrough,
  decodeFloats,
  expectValue,
  forwardThrough,
  generate,
  golden,
  largestDifference,
  layers,
  openThrough,
  TORE_TINY,
  type PipelineStage,
} from '../testdata/tore-tiny';
import { LocalEngine } from './local-engine';

/**
 * The reference was computed in float64 by an independent program (resources/models/tore-tiny/train/golden.py); this is
 * what 32-bit arithmetic may add.
 */
const MAX_ERROR = 2e-4;

const SPLITS: readonly (readonly [string, readonly LayerRange[]])[] = [
  ['one shard [0-7]', [layers(0, 7)]],
  ['two shards [0-3][4-7]', [layers(0, 3), layers(4, 7)]],
  ['eight shards of one layer', Array.from({ length: 8 }, (_, layer) => layers(layer, layer))],
  ['uneven shards [0][1-5][6-7]', [layers(0, 0), layers(1, 5), layers(6, 7)]],
];

const engine = new LocalEngine();
let cacheFolder = '';
let whole: readonly PipelineStage[] = [];

async function load(ranges: readonly LayerRange[]): Promise<PipelineStage[]> {
  const stages: PipelineStage[] = [];
  for (const range of ranges) {
    const request = { folder: TORE_TINY, range, cacheFolder, memoryBudgetBytes: 1 << 28, threads: 1 };
    stages.push({ engine, shard: expectValue(await engine.loadShard(request)) });
  }
  return stages;
}

/** Last-position logits of a prompt and of each token of its recorded answer. */
async function collectLogits(stages: readonly PipelineStage[], prompt: readonly number[], answer: readonly number[]) {
  await openThrough(stages, 'logits', { maxPositions: 256 });
  const rows: Float32Array[] = [];
  let position = 0;
  for (const ids of [prompt, ...answer.slice(0, -1).map((id) => [id])]) {
    const output = await forwardThrough(stages, 'logits', position, ids);
    if (output.kind !== 'activation') throw new Error('without sampling the last shard gives logits');
    rows.push(output.activation);
    position += ids.length;
  }
  await closeThrough(stages, 'logits');
  return rows;
}

function bytesOf(rows: readonly Float32Array[]): Buffer {
  return Buffer.concat(rows.map((row) => new Uint8Array(row.buffer, row.byteOffset, row.byteLength)));
}

beforeAll(async () => {
  cacheFolder = await mkdtemp(join(tmpdir(), 'tore-golden-'));
  whole = await load([layers(0, 7)]);
});

afterAll(async () => {
  await engine.close();
  await rm(cacheFolder, { recursive: true, force: true });
});

describe('tokenizer', () => {
  it.each(golden.cases)('encodes $messages.0.content as recorded', async ({ messages, prompt, input_ids }) => {
    const shardKey = whole[0]?.shard.shardKey ?? '';
    const chat = messages.map(({ content }) => ({ role: 'user' as const, content }));
    expect(expectValue(await engine.tokenize(shardKey, { messages: chat })).inputIds).toEqual(input_ids);
    expect(expectValue(await engine.tokenize(shardKey, { prompt })).inputIds).toEqual(input_ids);
  });
});

describe.each(SPLITS)('%s', (_, ranges) => {
  let stages: readonly PipelineStage[] = [];
  beforeAll(async () => {
    stages = await load(ranges);
  });

  it.each(golden.cases)('answers "$messages.0.content" with the recorded ids and text', async (example) => {
    const answer = await generate(stages, example.input_ids);
    expect(answer.ids).toEqual(example.greedy_ids);
    expect(answer.text).toBe(example.greedy_text);
    expect(answer.finishReason).toBe('stop');
  });

  it.each(golden.cases)('gives the recorded logits after "$messages.0.content"', async (example) => {
    const [logits] = await collectLogits(stages, example.input_ids, [0]);
    const recorded = decodeFloats(example.last_prompt_logits_f32_base64);
    expect(largestDifference(logits ?? new Float32Array(), recorded)).toBeLessThanOrEqual(MAX_ERROR);
  });

  it('gives the same logits as the unsplit model, bit for bit, in prefill and decode', async () => {
    for (const { input_ids: prompt, greedy_ids: answer } of golden.cases) {
      const split = bytesOf(await collectLogits(stages, prompt, answer));
      expect(split.equals(bytesOf(await collectLogits(whole, prompt, answer)))).toBe(true);
    }
  });
});

describe('boundaries', () => {
  const ids = golden.boundary.input_ids;
  const [, positions = 0, hidden = 0] = golden.boundary.shape;
  const states = decodeFloats(golden.boundary.hidden_states_f32_base64);
  const stateAt = (boundary: number): Float32Array =>
    states.subarray(boundary * positions * hidden, (boundary + 1) * positions * hidden);

  it('looks up the recorded embedding', async () => {
    const store = expectValue(await openWeightStore(TORE_TINY));
    const blocks: Float32Array[] = [];
    for await (const block of store.stream(EMBEDDING_TENSOR)) blocks.push(block);
    // A quarter of a megabyte of stored numbers comes as one block.
    const [table = new Float32Array()] = blocks;
    const looked = Float32Array.from(ids.flatMap((id) => [...table.subarray(id * hidden, (id + 1) * hidden)]));
    expect(largestDifference(looked, stateAt(0))).toBe(0);
  });

  it.each([0, 1, 2, 3, 4, 5, 6])('gives the recorded hidden states after layer %i', async (layer) => {
    const stages = await load([layers(0, layer)]);
    await openThrough(stages, 'states', { maxPositions: 32 });
    const output = await forwardThrough(stages, 'states', 0, ids);
    await closeThrough(stages, 'states');
    if (output.kind !== 'activation') throw new Error('a shard in the middle gives activations');
    expect(output.positions).toBe(positions);
    expect(largestDifference(output.activation, stateAt(layer + 1))).toBeLessThanOrEqual(MAX_ERROR);
  });

  it('continues from the recorded hidden states to the recorded logits', async () => {
    const [stage] = await load([layers(7, 7)]);
    if (stage === undefined) throw new Error('no stage');
    const { shardKey } = stage.shard;
    expectValue(await engine.openSequence({ shardKey, sequenceId: 'resume', maxPositions: 32 }));
    const logits = decodeFloats(golden.boundary.logits_f32_base64);
    const [, vocabulary = 0] = golden.boundary.logits_shape;
    for (let position = 0; position < positions; position++) {
      const activation = stateAt(7).slice(position * hidden, (position + 1) * hidden);
      const input = { activation, positions: 1 };
      const output = expectValue(await engine.forward({ shardKey, sequenceId: 'resume', position, input }));
      if (output.kind !== 'activation') throw new Error('without sampling the last shard gives logits');
      const recorded = logits.subarray(position * vocabulary, (position + 1) * vocabulary);
      expect(largestDifference(output.activation, recorded)).toBeLessThanOrEqual(MAX_ERROR);
    }
    expectValue(await engine.closeSequence(shardKey, 'resume'));
  });

  it('gives the recorded logits at every position', async () => {
    const rows = await collectLogits(whole, ids.slice(0, 1), [...ids.slice(1), 0]);
    const logits = decodeFloats(golden.boundary.logits_f32_base64);
    const joined = Float32Array.from(rows.flatMap((row) => [...row]));
    expect(largestDifference(joined, logits)).toBeLessThanOrEqual(MAX_ERROR);
  });
});
