import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { ended, EngineForge } from '../testdata/forked-engine';
import { codeOf, expectValue, generate, golden, GREEDY, layers, TORE_TINY } from '../testdata/tore-tiny';

let forge: EngineForge;
let cacheFolder = '';

beforeAll(async () => {
  forge = await EngineForge.build();
  cacheFolder = await mkdtemp(join(tmpdir(), 'tore-process-'));
}, 60_000);

afterEach(() => forge.endAll());

afterAll(async () => {
  await forge.remove();
  await rm(cacheFolder, { recursive: true, force: true });
});

describe('an engine in a process of its own', () => {
  it('serves two shards in two processes as one model, then ends in order', async () => {
    const processes = [forge.start(), forge.start()];
    const ranges = [layers(0, 3), layers(4, 7)];
    const stages = [];
    for (const [index, { engine }] of processes.entries()) {
      const range = ranges[index] ?? layers(0, 0);
      const request = { folder: TORE_TINY, range, cacheFolder, memoryBudgetBytes: 1 << 28, threads: 1 };
      const seen: number[] = [];
      const loaded = await engine.loadShard(request, { onProgress: (fraction) => seen.push(fraction) });
      expect(seen.at(-1)).toBe(1);
      stages.push({ engine, shard: expectValue(loaded) });
    }
    const [example] = golden.cases;
    if (example === undefined) throw new Error('the reference has no cases');
    const answer = await generate(stages, example.input_ids);
    expect(answer).toEqual({ ids: example.greedy_ids, text: example.greedy_text, finishReason: 'stop' });
    for (const { engine, child } of processes) {
      await engine.close();
      await ended(child);
      expect(codeOf(await engine.metrics())).toBe('engine-gone');
    }
  }, 60_000);

  it('cancels a prefill that is under way', async () => {
    const { engine } = forge.start();
    const request = { folder: TORE_TINY, range: layers(0, 7), cacheFolder, memoryBudgetBytes: 1 << 28, threads: 1 };
    const { shardKey } = expectValue(await engine.loadShard(request));
    expectValue(await engine.openSequence({ shardKey, sequenceId: 'q', maxPositions: 512, sampling: GREEDY }));
    const inputIds = Array.from({ length: 512 }, (_, index) => index);
    const running = engine.forward({ shardKey, sequenceId: 'q', position: 0, input: { inputIds } });
    const closed = engine.closeSequence(shardKey, 'q');
    expect(codeOf(await running)).toBe('cancelled');
    expect(codeOf(await closed)).toBe('ok');
    expect(expectValue(await engine.metrics())).toMatchObject({ openSequences: 0, tokensSampled: 0 });
  }, 60_000);

  it('fails open calls with engine-gone when it crashes', async () => {
    const { engine, child } = forge.start();
    expectValue(await engine.metrics());
    const open = engine.benchmark();
    child.kill('SIGKILL');
    const result = await open;
    expect(codeOf(result)).toBe('engine-gone');
    expect(!result.ok && result.error).toMatchObject({ retryable: true });
    expect(codeOf(await engine.metrics())).toBe('engine-gone');
  }, 60_000);

  it('ends by itself when its parent is gone', async () => {
    const { engine, child } = forge.start();
    expectValue(await engine.metrics());
    child.disconnect();
    await ended(child);
    expect(child.exitCode).toBe(0);
  }, 60_000);
});
