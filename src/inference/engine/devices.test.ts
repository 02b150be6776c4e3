import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadOnnxRuntime, type OnnxRuntime } from '../runtime/onnx-runtime';
import { estimateShard } from '../shards/estimate-shard';
import { codeOf, expectValue, generate, golden, GREEDY, layers, TORE_TINY } from '../testdata/tore-tiny';
import type { DeviceLimit, ForwardOutput, LoadShardRequest, ShardHandle } from './engine';
import { LocalEngine } from './local-engine';

const story = golden.cases[4];
if (story === undefined) throw new Error('the reference lacks cases');

/** Of the shipped model. */
const SHAPE = {
  layers: 8,
  hidden_size: 128,
  feed_forward_size: 384,
  attention_heads: 4,
  key_value_heads: 2,
  head_size: 32,
  vocabulary_size: 1_024,
  context_length: 512,
};

let folder = '';
let real: OnnxRuntime;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tore-devices-'));
  real = await loadOnnxRuntime();
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Room for exactly these layers of the shipped model. */
function roomFor(first: number, last: number): number {
  return estimateShard({ shape: SHAPE, tiedEmbedding: true }, layers(first, last)).totalBytes;
}

const cpu = (memoryBudgetBytes: number): DeviceLimit => ({ provider: 'cpu', memoryBudgetBytes });
const card = (deviceId: number, memoryBudgetBytes: number): DeviceLimit => ({
  provider: 'cuda',
  deviceId,
  memoryBudgetBytes,
});

function request(devices: readonly DeviceLimit[] | undefined, name = 'cache'): LoadShardRequest {
  return {
    folder: TORE_TINY,
    range: layers(0, 7),
    cacheFolder: join(folder, name),
    memoryBudgetBytes: 1 << 29,
    threads: 1,
    devices,
  };
}

const placesOf = ({ segments }: ShardHandle) =>
  segments.map(({ provider, deviceId, range }) => [provider, deviceId, range.layer_start, range.layer_end]);

/** Told from the small decoder that shows whether a device computes rightly. */
const isShard = (graph: string | Uint8Array): boolean => typeof graph === 'string' && !graph.includes('tore-check-');

/** Two cards that are the processor underneath; graphs of a card that `fails` says throw when they are opened. */
function machine(fails: (deviceId: number, isShard: boolean) => boolean): OnnxRuntime {
  return {
    ...real,
    createSession: async (graph, options) => {
      const [device = ''] = options.executionProviders;
      if (typeof device !== 'string' && fails(device.deviceId, isShard(graph))) {
        throw new Error(`out of memory on card ${device.deviceId}`);
      }
      return real.createSession(graph, { ...options, executionProviders: ['cpu'] });
    },
    listSupportedBackends: () => ['cpu', 'cuda'].map((name) => ({ name, bundled: true })),
  };
}

describe('a shard on several devices', () => {
  it('answers as on one, says which layers are where, and cuts nothing twice', async () => {
    const [whole, split] = [new LocalEngine(), new LocalEngine()];
    const expected = await generate(
      [{ engine: whole, shard: expectValue(await whole.loadShard(request(undefined))) }],
      story.input_ids,
      { maxNewTokens: 40 },
    );
    const devices = [cpu(roomFor(0, 2)), cpu(roomFor(3, 4)), cpu(1 << 28)];
    const shard = expectValue(await split.loadShard(request(devices)));
    expect(placesOf(shard)).toEqual([
      ['cpu', undefined, 0, 2],
      ['cpu', undefined, 3, 4],
      ['cpu', undefined, 5, 7],
    ]);
    expect(shard.provider).toBe('cpu');
    expect(await generate([{ engine: split, shard }], story.input_ids, { maxNewTokens: 40 })).toEqual(expected);
    const { shardKey } = shard;
    const cut = (): Promise<string[]> => readdir(join(folder, 'cache'));
    expect((await cut()).sort()).toEqual(
      expect.arrayContaining([shardKey, ...shard.segments.map(({ cutKey }) => cutKey)]),
    );
    const before = await cut();
    expectValue(await split.unloadShard(shardKey));
    // The first two parts are the same, and the rest is that of another device.
    const again = expectValue(await split.loadShard(request([...devices.slice(0, 2), cpu(1 << 29)])));
    expect(again.segments).toEqual(shard.segments);
    expect(await cut()).toEqual(before);
    await whole.close();
    await split.close();
  });

  it('takes what it computed of a prompt before, on every device', async () => {
    const engine = new LocalEngine();
    const devices = [cpu(roomFor(0, 2)), cpu(1 << 28)];
    const { shardKey } = expectValue(await engine.loadShard(request(devices)));
    const prompt = Array.from({ length: 200 }, (_, index) => (index * 37 + 11) % 1_000);
    const ask = async (sequenceId: string, reuseScope: string | undefined): Promise<ForwardOutput> => {
      const open = { shardKey, sequenceId, maxPositions: 256, sampling: GREEDY, reuseScope };
      expectValue(await engine.openSequence(open));
      const chunk = { shardKey, sequenceId, position: 0, input: { inputIds: prompt.slice(0, 128) }, sample: false };
      expectValue(await engine.forward(chunk));
      const rest = { shardKey, sequenceId, position: 128, input: { inputIds: prompt.slice(128) } };
      const output = expectValue(await engine.forward(rest));
      expectValue(await engine.closeSequence(shardKey, sequenceId));
      return { ...output, computeMs: 0 };
    };
    const expected = await ask('plain', undefined);
    expect(await ask('first', 'ada')).toEqual(expected);
    expect(await ask('second', 'ada')).toEqual(expected);
    expect(expectValue(await engine.metrics()).reusedPositions).toBe(128);
    await engine.close();
  });

  it('bounds the KV cache by the device with the least room', async () => {
    const engine = new LocalEngine();
    // The first device holds one sequence of 512 positions and nothing beside it.
    const shard = expectValue(await engine.loadShard(request([cpu(roomFor(0, 2)), cpu(1 << 28)])));
    const open = (sequenceId: string, maxPositions: number) =>
      engine.openSequence({ shardKey: shard.shardKey, sequenceId, maxPositions });
    expectValue(await open('first', 512));
    expect(codeOf(await open('second', 64))).toBe('kv-budget');
    await engine.close();
  });

  it('leaves out a device that is not there before anything is cut for it, and keeps the reason', async () => {
    const engine = new LocalEngine();
    const cards = [card(0, roomFor(0, 3)), { provider: 'webgpu', deviceId: 1, memoryBudgetBytes: 1 << 28 }];
    const handle = expectValue(await engine.loadShard(request([...cards, cpu(1 << 28)], 'absent')));
    expect(placesOf(handle)).toEqual([['cpu', undefined, 0, 7]]);
    const [first, second] = handle.providerReasons;
    expect(first).toMatch(/^cuda(:0 failed: .+| is not part of onnxruntime on this system\.)$/);
    expect(second).toMatch(/^webgpu (takes no number of a device|is not part of onnxruntime on this system)\.$/);
    const cut = (await readdir(join(folder, 'absent'))).filter((name) => /^[0-9a-f]{32}$/.test(name));
    expect(cut).toEqual([handle.shardKey]);
    await engine.close();
  });

  it('gives the layers of a card that fails with them to the next ones, and keeps what was opened', async () => {
    const opened: string[] = [];
    const runtime = machine((deviceId, isShard) => {
      if (isShard) opened.push(`cuda:${deviceId}`);
      return isShard && deviceId === 1;
    });
    const engine = new LocalEngine({ loadRuntime: async () => runtime });
    const devices = [card(0, roomFor(0, 2)), card(1, roomFor(3, 4)), card(2, roomFor(3, 5)), cpu(1 << 28)];
    const fractions: number[] = [];
    const onProgress = (fraction: number): void => void fractions.push(fraction);
    const shard = expectValue(await engine.loadShard(request(devices, 'failing'), { onProgress }));
    expect(placesOf(shard)).toEqual([
      ['cuda', 0, 0, 2],
      ['cuda', 2, 3, 5],
      ['cpu', undefined, 6, 7],
    ]);
    expect(shard.provider).toBe('cuda+cpu');
    expect(shard.providerReasons).toEqual(['cuda:1 failed: out of memory on card 1']);
    expect(opened).toEqual(['cuda:0', 'cuda:1', 'cuda:2']);
    expect(fractions).toEqual([...fractions].sort((left, right) => left - right));
    const answer = await generate([{ engine, shard }], story.input_ids, { maxNewTokens: 5 });
    expect(answer.ids).toHaveLength(5);
    await engine.close();
  });

  it('uses no device that was not named, and says what each could not do', async () => {
    const engine = new LocalEngine({ loadRuntime: async () => machine((deviceId) => deviceId === 0) });
    const none = await engine.loadShard(request([card(0, 1 << 28)], 'none'));
    expect(codeOf(none)).toBe('provider-failed');
    expect(!none.ok && none.error.message).toContain('cuda:0 failed: out of memory on card 0');
    const tooSmall = await engine.loadShard(request([card(0, 1 << 28), card(1, roomFor(0, 2))], 'none'));
    expect(codeOf(tooSmall)).toBe('memory-insufficient');
    expect(!tooSmall.ok && tooSmall.error.message).toMatch(/needs .* and .* are allowed\..*cuda:0 failed/);
    await engine.close();
  });

  it('passes over a card that computes wrongly, before anything is cut for it', async () => {
    const runtime = machine(() => false);
    const wrong: OnnxRuntime = {
      ...runtime,
      createSession: async (graph, options) => {
        const session = await runtime.createSession(graph, options);
        const [device = ''] = options.executionProviders;
        if (typeof device === 'string' || device.deviceId !== 1) return session;
        return {
          ...session,
          run: async (inputs) => {
            const outputs = await session.run(inputs);
            const { logits } = outputs;
            if (!(logits?.data instanceof Float32Array)) return outputs;
            return {
              ...outputs,
              logits: { data: logits.data.map((value, index) => (index === 7 ? value + 0.1 : value)) },
            };
          },
        };
      },
    };
    const engine = new LocalEngine({ loadRuntime: async () => wrong });
    const shard = expectValue(
      await engine.loadShard(request([card(0, roomFor(0, 2)), card(1, 1 << 28), cpu(1 << 28)], 'wrong')),
    );
    expect(placesOf(shard)).toEqual([
      ['cuda', 0, 0, 2],
      ['cpu', undefined, 3, 7],
    ]);
    expect(shard.providerReasons).toEqual([expect.stringMatching(/^cuda:1 computes wrongly: .* by \d+ %\./)]);
    await engine.close();
  });

  /** As `machine`, with cards that have no half floats. */
  function halflessMachine(): OnnxRuntime {
    const runtime = machine(() => false);
    return {
      ...runtime,
      createSession: async (graph, options) => {
        const [device = ''] = options.executionProviders;
        const provider = typeof device === 'string' ? device : device.name;
        if (provider !== 'cpu' && typeof graph !== 'string' && Buffer.from(graph).includes('half_floats')) {
          throw new Error('f16 is not supported');
        }
        return runtime.createSession(graph, options);
      },
    };
  }

  it('keeps keys and values in floats where a card has no half floats, and plans with their memory', async () => {
    const runtime = machine(() => false);
    const halfless = halflessMachine();
    const answers = [];
    for (const loadRuntime of [async () => runtime, async () => halfless]) {
      const engine = new LocalEngine({ loadRuntime });
      const devices = [card(0, 40 << 20), cpu(1 << 28)];
      const shard = expectValue(
        await engine.loadShard({ ...request(devices, 'halves'), range: layers(0, 7), precision: 'int8' }),
      );
      const { ids } = await generate([{ engine, shard }], story.input_ids, { maxNewTokens: 12 });
      answers.push({
        ids,
        reasons: shard.providerReasons,
        perPosition: shard.kvBytesPerPosition,
        places: placesOf(shard),
      });
      await engine.close();
    }
    const [half, whole] = answers;
    expect(whole?.ids).toEqual(half?.ids);
    expect(half?.reasons.join()).not.toContain('half floats');
    expect(whole?.reasons).toContain('cuda:0 has no half floats: its KV cache takes twice the memory.');
    expect(half?.places).toEqual([['cuda', 0, 0, 7]]);
    expect(whole?.places).toEqual([['cuda', 0, 0, 7]]);
    expect(whole?.perPosition).toBe(2 * (half?.perPosition ?? 0));
  });

  it('gives way to the processor where a card has no room for floats, and says so', async () => {
    const engine = new LocalEngine({ loadRuntime: async () => halflessMachine() });
    const { totalBytes } = estimateShard({ shape: SHAPE, tiedEmbedding: true }, layers(0, 7), undefined, 'int8');
    const tight = { ...request(undefined, 'tight'), memoryBudgetBytes: totalBytes, precision: 'int8' } as const;
    const shard = expectValue(await engine.loadShard({ ...tight, providers: ['cuda'] }));
    expect(placesOf(shard)).toEqual([['cpu', undefined, 0, 7]]);
    expect(shard.providerReasons).toEqual([
      'cuda has no half floats: its KV cache takes twice the memory.',
      'cuda has no room for that.',
    ]);
    expectValue(await engine.unloadShard(shard.shardKey));
    const named = await engine.loadShard({ ...tight, devices: [card(0, totalBytes)] });
    expect(codeOf(named)).toBe('memory-insufficient');
    expect(!named.ok && named.error.message).toMatch(/cuda:0 has no half floats/);
    await engine.close();
  });

  it('stops while it tries a card', async () => {
    const controller = new AbortController();
    const runtime = machine(() => false);
    const stopping: OnnxRuntime = {
      ...runtime,
      createSession: async (graph, options) => {
        if (typeof graph === 'string' && !isShard(graph)) controller.abort();
        return runtime.createSession(graph, options);
      },
    };
    const engine = new LocalEngine({ loadRuntime: async () => stopping });
    const stopped = await engine.loadShard(request([card(0, 1 << 28), cpu(1 << 28)], 'stopped'), {
      signal: controller.signal,
    });
    expect(codeOf(stopped)).toBe('cancelled');
    const cut = (await readdir(join(folder, 'stopped'))).filter((name) => /^[0-9a-f]{32}/.test(name));
    expect(cut).toEqual([]);
    await engine.close();
  });
});
