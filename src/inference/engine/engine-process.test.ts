import { fork, type ChildProcess } from 'node:child_process';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'vite';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { ensureElectron } from '../../../scripts/electron-runtime.mjs';
import { codeOf, expectValue, generate, golden, GREEDY, layers, TORE_TINY } from '../testdata/tore-tiny';
import { EngineClient } from './engine-client';
import { portToForkedProcess } from './port';

const REPOSITORY = fileURLToPath(new URL('../../../', import.meta.url));
const ENTRY = fileURLToPath(new URL('./engine-process.ts', import.meta.url));

let buildFolder = '';
let cacheFolder = '';
const children: ChildProcess[] = [];

/** @param env - added to the variables of this process */
function start(env: Record<string, string> = {}): { engine: EngineClient; child: ChildProcess } {
  const child = fork(join(buildFolder, 'engine-process.js'), {
    serialization: 'advanced',
    env: { ...process.env, ...env },
  });
  children.push(child);
  return { engine: new EngineClient(portToForkedProcess(child)), child };
}

function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  return new Promise((resolve) => child.once('exit', () => resolve()));
}

beforeAll(async () => {
  // Inside node_modules, so that the built file finds the packages it leaves outside.
  const parent = join(REPOSITORY, 'node_modules', '.cache');
  await mkdir(parent, { recursive: true });
  buildFolder = await mkdtemp(join(parent, 'engine-process-'));
  cacheFolder = await mkdtemp(join(tmpdir(), 'tore-process-'));
  await build({
    root: REPOSITORY,
    configFile: false,
    logLevel: 'warn',
    build: {
      ssr: ENTRY,
      outDir: buildFolder,
      emptyOutDir: true,
      target: 'node20',
      rollupOptions: { output: { entryFileNames: 'engine-process.js' } },
    },
  });
}, 60_000);

afterEach(async () => {
  for (const child of children.splice(0)) {
    child.kill('SIGKILL');
    await ended(child);
  }
});

afterAll(async () => {
  await rm(buildFolder, { recursive: true, force: true });
  await rm(cacheFolder, { recursive: true, force: true });
});

describe('an engine in a process of its own', () => {
  it('serves two shards in two processes as one model, then ends in order', async () => {
    const processes = [start(), start()];
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
    const { engine } = start();
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
    const { engine, child } = start();
    expectValue(await engine.metrics());
    const open = engine.benchmark();
    child.kill('SIGKILL');
    const result = await open;
    expect(codeOf(result)).toBe('engine-gone');
    expect(!result.ok && result.error).toMatchObject({ retryable: true });
    expect(codeOf(await engine.metrics())).toBe('engine-gone');
  }, 60_000);

  it('ends by itself when its parent is gone', async () => {
    const { engine, child } = start();
    expectValue(await engine.metrics());
    child.disconnect();
    await ended(child);
    expect(child.exitCode).toBe(0);
  }, 60_000);
});

/** A graphics card made of software, which comes with Electron. Elsewhere other drivers stand between it and onnxruntime. */
describe.runIf(process.platform === 'linux')('an engine with a graphics card', () => {
  const load = { folder: TORE_TINY, range: layers(0, 7), memoryBudgetBytes: 1 << 28, threads: 1 };

  async function startWithCard(): Promise<EngineClient> {
    const { directory } = await ensureElectron({ quiet: true });
    const { engine } = start({
      LD_LIBRARY_PATH: directory,
      VK_ICD_FILENAMES: join(directory, 'vk_swiftshader_icd.json'),
    });
    return engine;
  }

  it('answers from the card as from the processor', async () => {
    const engine = await startWithCard();
    const shard = expectValue(await engine.loadShard({ ...load, cacheFolder, providers: ['webgpu'] }));
    expect(shard).toMatchObject({ provider: 'webgpu', providerReasons: [] });
    for (const example of golden.cases.slice(0, 2)) {
      const answer = await generate([{ engine, shard }], example.input_ids);
      expect(answer.ids).toEqual(example.greedy_ids);
    }
  }, 120_000);

  it('shares a shard between the card and the processor', async () => {
    const engine = await startWithCard();
    const whole = expectValue(await engine.loadShard({ ...load, cacheFolder }));
    expectValue(await engine.unloadShard(whole.shardKey));
    const devices = [
      { provider: 'webgpu', memoryBudgetBytes: whole.memoryBytes - Math.floor(whole.weightBytes / 2) },
      { provider: 'cpu', memoryBudgetBytes: 1 << 28 },
    ];
    const shard = expectValue(await engine.loadShard({ ...load, cacheFolder, devices }));
    expect(shard.provider).toBe('webgpu+cpu');
    const [example] = golden.cases;
    const answer = await generate([{ engine, shard }], example?.input_ids ?? []);
    expect(answer.ids).toEqual(example?.greedy_ids);
  }, 120_000);

  it('says why the card is passed over where it cannot keep half floats', async () => {
    const engine = await startWithCard();
    const shard = expectValue(
      await engine.loadShard({ ...load, cacheFolder, providers: ['webgpu'], precision: 'int4' }),
    );
    expect(shard.provider).toBe('cpu');
    expect(shard.providerReasons).toEqual([expect.stringMatching(/^webgpu failed: .*f16/)]);
  }, 120_000);
});
