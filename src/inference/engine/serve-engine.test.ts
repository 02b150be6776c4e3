import { describe, expect, it } from 'vitest';
import { success } from '../../protocol/result';
import { cancelledFailure } from '../errors';
import { codeOf, layers } from '../testdata/tore-tiny';
import type { Engine, LongCallOptions } from './engine';
import { EngineClient } from './engine-client';
import type { Port } from './port';
import { serveEngine } from './serve-engine';

/** Two ends of a channel in this process; messages are cloned and arrive later, as between processes. */
function createChannel() {
  const ends = [createEnd(), createEnd()] as const;
  function createEnd() {
    const listeners: ((message: unknown) => void)[] = [];
    const closers: ((reason: string) => void)[] = [];
    return { listeners, closers };
  }
  const port = (own: 0 | 1, other: 0 | 1): Port => ({
    post(message) {
      const clone: unknown = structuredClone(message);
      setImmediate(() => {
        for (const listener of ends[other].listeners) listener(clone);
      });
    },
    onMessage: (callback) => void ends[own].listeners.push(callback),
    onClose: (callback) => void ends[own].closers.push(callback),
    close: () => undefined,
  });
  const crash = (): void => {
    for (const closer of ends[0].closers) closer('it ended with code 139');
  };
  return { client: port(0, 1), server: port(1, 0), crash };
}

const unused = async (): Promise<never> => {
  throw new Error('not part of this test');
};

/** An engine that does nothing but what a test gives it. */
function engineWith(methods: Partial<Engine>): Engine {
  return {
    listProviders: unused,
    benchmark: unused,
    readModel: unused,
    fetchLayers: unused,
    importHubModel: unused,
    loadShard: unused,
    unloadShard: unused,
    tokenize: unused,
    openSequence: unused,
    forward: unused,
    closeSequence: unused,
    metrics: unused,
    close: async () => undefined,
    ...methods,
  };
}

function connect(methods: Partial<Engine>) {
  const channel = createChannel();
  serveEngine(channel.server, engineWith(methods));
  return { client: new EngineClient(channel.client), crash: channel.crash };
}

function untilAborted({ signal }: LongCallOptions = {}): Promise<void> {
  return new Promise((resolve) => signal?.addEventListener('abort', () => resolve()));
}

describe('EngineClient and serveEngine', () => {
  it('carry activations and answers, each to its own call', async () => {
    const { client: engine } = connect({
      forward: async ({ position, input }) => {
        if (!('activation' in input)) throw new Error('an activation was sent');
        await new Promise((resolve) => setTimeout(resolve, 10 - position));
        const activation = input.activation.map((value) => value + position);
        return success({ kind: 'activation', activation, positions: input.positions, computeMs: 1 });
      },
    });
    const request = { shardKey: 's', sequenceId: 'q', input: { activation: Float32Array.of(1, 2), positions: 1 } };
    const answers = await Promise.all([0, 5, 9].map((position) => engine.forward({ ...request, position })));
    expect(answers.map((answer) => answer.ok && answer.value)).toMatchObject([
      { activation: Float32Array.of(1, 2) },
      { activation: Float32Array.of(6, 7) },
      { activation: Float32Array.of(10, 11) },
    ]);
  });

  it('carry progress and cancel long calls', async () => {
    const { client: engine } = connect({
      readModel: async (folder, options) => {
        options?.onProgress?.(0.5, `reading ${folder}`);
        await untilAborted(options);
        return cancelledFailure('Reading');
      },
    });
    const controller = new AbortController();
    const seen: unknown[] = [];
    const onProgress = (fraction: number, label: string): void => {
      seen.push([fraction, label]);
      controller.abort();
    };
    expect(codeOf(await engine.readModel('m', { signal: controller.signal, onProgress }))).toBe('cancelled');
    expect(seen).toEqual([[0.5, 'reading m']]);
  });

  it('do not even ask when the signal is aborted already', async () => {
    const { client: engine } = connect({});
    expect(codeOf(await engine.benchmark({ signal: AbortSignal.abort() }))).toBe('cancelled');
  });

  it('fail open and later calls when the process is gone', async () => {
    const { client: engine, crash } = connect({ metrics: () => new Promise(() => undefined) });
    const open = engine.metrics();
    crash();
    const result = await open;
    expect(codeOf(result)).toBe('engine-gone');
    expect(!result.ok && result.error).toMatchObject({ retryable: true });
    expect(codeOf(await engine.metrics())).toBe('engine-gone');
    await engine.close();
  });

  it('turn an exception in the engine into a failure of that call alone', async () => {
    const { client: engine } = connect({ unloadShard: async () => success(undefined) });
    expect(codeOf(await engine.metrics())).toBe('engine-internal');
    expect(codeOf(await engine.unloadShard('s'))).toBe('ok');
  });

  it('close the engine when the client closes or vanishes', async () => {
    let closed = 0;
    const { client: engine } = connect({
      close: async () => {
        closed++;
      },
    });
    await engine.close();
    expect(closed).toBe(1);
    expect(codeOf(await engine.metrics())).toBe('engine-gone');
  });
});

describe('serveEngine', () => {
  /** Sends a raw message and waits for the answer. */
  async function send(message: unknown): Promise<unknown> {
    const channel = createChannel();
    serveEngine(channel.server, engineWith({ loadShard: unused }));
    const answer = new Promise((resolve) => channel.client.onMessage(resolve));
    channel.client.post(message);
    return answer;
  }

  const range = layers(0, 1);
  const load = { folder: 'f', range, cacheFolder: 'c', memoryBudgetBytes: 1 };
  const device = { provider: 'cuda', memoryBudgetBytes: 1 };
  it.each<[string, object]>([
    ['an unknown method', { type: 'call', id: 1, method: 'constructor', input: {} }],
    ['a call without a method', { type: 'call', id: 1 }],
    ['an unknown type', { type: 'shout', id: 1 }],
    ['wrong input', { type: 'call', id: 1, method: 'readModel', input: { folder: 5 } }],
    ['a range as text', { type: 'call', id: 1, method: 'loadShard', input: { ...load, range: '0-1' } }],
    ['no device', { type: 'call', id: 1, method: 'loadShard', input: { ...load, devices: [] } }],
    [
      'half a card',
      { type: 'call', id: 1, method: 'loadShard', input: { ...load, devices: [{ ...device, deviceId: 0.5 }] } },
    ],
    ['an endless path', { type: 'call', id: 1, method: 'loadShard', input: { ...load, folder: 'x'.repeat(5_000) } }],
    [
      'an activation that is a list',
      {
        type: 'call',
        id: 1,
        method: 'forward',
        input: { shardKey: 's', sequenceId: 'q', position: 0, input: { activation: [1, 2], positions: 1 } },
      },
    ],
  ])('answers %s with message-invalid', async (_, message) => {
    expect(await send(message)).toMatchObject({
      type: 'result',
      id: 1,
      result: { error: { code: 'message-invalid' } },
    });
  });
});
