import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ensureElectron } from '../../../scripts/electron-runtime.mjs';
import { EngineForge } from '../testdata/forked-engine';
import { expectValue, golden, largestDifference, layers, TORE_TINY } from '../testdata/tore-tiny';
import type { Engine, ForwardInput } from './engine';
import type { EngineClient } from './engine-client';
import { LocalEngine } from './local-engine';

const LOAD = { folder: TORE_TINY, memoryBudgetBytes: 1 << 28, threads: 1 } as const;
const PROMPT = golden.cases[0]?.input_ids ?? [];
/** Of weights that are not rounded, and of those whose products are rounded to integers. */
const [EXACT, ROUNDED] = [0.001, 0.1];

let forge: EngineForge;
let cacheFolder = '';
let engine: EngineClient;

/** A graphics card made of software, which comes with Electron. Elsewhere other drivers stand between it and onnxruntime. */
describe.runIf(process.platform === 'linux')('an engine with a graphics card', () => {
  beforeAll(async () => {
    forge = await EngineForge.build();
    cacheFolder = await mkdtemp(join(tmpdir(), 'tore-card-'));
    const { directory } = await ensureElectron({ quiet: true });
    engine = forge.start({
      LD_LIBRARY_PATH: directory,
      VK_ICD_FILENAMES: join(directory, 'vk_swiftshader_icd.json'),
    }).engine;
  }, 60_000);
  afterAll(async () => {
    await forge.endAll();
    await forge.remove();
    await rm(cacheFolder, { recursive: true, force: true });
  });

  it('shares a shard between the card and the processor', async () => {
    const request = { ...LOAD, range: layers(0, 3), cacheFolder };
    const whole = expectValue(await engine.loadShard(request));
    const expected = await answer(engine, whole.shardKey);
    expectValue(await engine.unloadShard(whole.shardKey));
    const devices = [
      { provider: 'webgpu', memoryBudgetBytes: whole.memoryBytes - Math.floor(whole.weightBytes / 2) },
      { provider: 'cpu', memoryBudgetBytes: 1 << 28 },
    ];
    const shard = expectValue(await engine.loadShard({ ...request, devices }));
    expect(shard.provider).toBe('webgpu+cpu');
    expectClose(await answer(engine, shard.shardKey), expected, EXACT);
    expectValue(await engine.unloadShard(shard.shardKey));
  }, 120_000);

  it('keeps keys and values in floats on a card without half floats, and says so', async () => {
    const request = { ...LOAD, range: layers(0, 1), cacheFolder, precision: 'int4' } as const;
    const onProcessor = expectValue(await engine.loadShard({ ...request, providers: ['cpu'] }));
    const expected = await answer(engine, onProcessor.shardKey);
    expectValue(await engine.unloadShard(onProcessor.shardKey));
    const onCard = expectValue(await engine.loadShard({ ...request, providers: ['webgpu'] }));
    expect(onCard).toMatchObject({
      provider: 'webgpu',
      providerReasons: ['webgpu has no half floats: its KV cache takes twice the memory.'],
      kvBytesPerPosition: 2 * onProcessor.kvBytesPerPosition,
    });
    expectClose(await answer(engine, onCard.shardKey), expected, ROUNDED);
    expectValue(await engine.unloadShard(onCard.shardKey));
    // Both graphs stand over one file of weights.
    expect((await readdir(join(cacheFolder, onCard.shardKey))).sort()).toEqual([
      'shard-card-float32.onnx',
      'shard.json',
      'shard.onnx',
      'shard.onnx.data',
    ]);
  }, 120_000);

  it('keeps sequences on the card apart, whatever they do', async () => {
    const request = { ...LOAD, range: layers(0, 1), cacheFolder };
    const processor = new LocalEngine();
    const shard = expectValue(await engine.loadShard({ ...request, providers: ['webgpu'] }));
    expect(shard.provider).toBe('webgpu');
    expectValue(await processor.loadShard({ ...request, providers: ['cpu'] }));
    const expected = await work(processor, shard.shardKey);
    expectClose(await work(engine, shard.shardKey), expected, EXACT);
    await processor.close();
  }, 120_000);
});

/** @param most - difference, as a part of the largest number of a result */
function expectClose(given: readonly Float32Array[], expected: readonly Float32Array[], most: number): void {
  expect(given).toHaveLength(expected.length);
  for (const [index, values] of given.entries()) {
    const wanted = expected[index] ?? new Float32Array();
    const size = wanted.reduce((largest, value) => Math.max(largest, Math.abs(value)), 0);
    expect(largestDifference(values, wanted) / size, `result ${index}`).toBeLessThan(most);
  }
}

/** Activations of a prompt and of two steps behind it. */
async function answer(engine: Engine, shardKey: string): Promise<Float32Array[]> {
  const results: Float32Array[] = [];
  expectValue(await engine.openSequence({ shardKey, sequenceId: 'one', maxPositions: 64 }));
  let position = 0;
  for (const inputIds of [PROMPT, [7], [11]]) {
    const output = expectValue(await engine.forward({ shardKey, sequenceId: 'one', position, input: { inputIds } }));
    results.push(output.kind === 'activation' ? output.activation : new Float32Array());
    position += inputIds.length;
  }
  expectValue(await engine.closeSequence(shardKey, 'one'));
  return results;
}

/** Activations of a day's work: prompts in pieces, steps alone and together, several positions, retreats, reuse, growth. */
async function work(engine: Engine, shardKey: string): Promise<Float32Array[]> {
  const results: Float32Array[] = [];
  const lengths = new Map<string, number>();
  const open = async (sequenceId: string, reuseScope?: string): Promise<void> => {
    expectValue(await engine.openSequence({ shardKey, sequenceId, maxPositions: 256, reuseScope }));
    lengths.set(sequenceId, 0);
  };
  const send = async (sequenceId: string, seed: number, count: number): Promise<Float32Array> => {
    const position = lengths.get(sequenceId) ?? 0;
    const input: ForwardInput = {
      inputIds: Array.from({ length: count }, (_, index) => (seed * 131 + (position + index) * 37 + 11) % 1_000),
    };
    const output = expectValue(await engine.forward({ shardKey, sequenceId, position, input }));
    lengths.set(sequenceId, position + count);
    return output.kind === 'activation' ? output.activation : new Float32Array();
  };
  await open('first', 'ada');
  results.push(await send('first', 1, 128), await send('first', 2, 60), await send('first', 3, 1));
  await open('second');
  results.push(await send('second', 4, 62));
  for (const seed of [5, 6, 7]) {
    results.push(...(await Promise.all([send('first', seed, 1), send('second', seed, 1)])));
  }
  lengths.set('first', 180);
  results.push(await send('first', 8, 3), await send('second', 9, 1));
  expectValue(await engine.closeSequence(shardKey, 'second'));
  await open('third', 'ada');
  results.push(await send('third', 1, 128), await send('third', 10, 2), await send('first', 11, 1));
  expect(expectValue(await engine.metrics()).reusedPositions).toBe(128);
  return results;
}
