import { beforeAll, describe, expect, it } from 'vitest';
import { loadOnnxRuntime, type OnnxRuntime } from '../runtime/onnx-runtime';
import { codeOf, expectValue } from '../testdata/tore-tiny';
import { tryProviders } from './try-providers';

let real: OnnxRuntime;
beforeAll(async () => {
  real = await loadOnnxRuntime();
});

const SLOW_MS = 30;

/** A machine with one card whose driver is slow and one without any; both are the processor underneath. */
function machine(broken: readonly string[], cards = 1): OnnxRuntime {
  return {
    ...real,
    listSupportedBackends: () => ['cuda', 'webgpu', 'cpu'].map((name) => ({ name, bundled: true })),
    createSession: async (graph, options) => {
      const [device = ''] = options.executionProviders;
      const { name: provider, deviceId = 0 } = typeof device === 'string' ? { name: device } : device;
      if (deviceId >= cards) throw new Error(`there is no card ${deviceId}`);
      if (broken.includes(provider)) throw new Error(`no driver for ${provider}`);
      const session = await real.createSession(graph, { ...options, executionProviders: ['cpu'] });
      if (provider === 'cpu') return session;
      return {
        run: async (inputs, results) => {
          await new Promise((resolve) => setTimeout(resolve, SLOW_MS));
          return session.run(inputs, results);
        },
        release: () => session.release(),
      };
    },
  };
}

describe('tryProviders', () => {
  it('puts the fastest first, whatever its name, and says why others do not run', async () => {
    const { providers, fastest } = expectValue(await tryProviders(machine(['cuda']), {}));
    expect(fastest.provider).toBe('cpu');
    expect(providers.slice(0, 2).map(({ name }) => name)).toEqual(['cpu', 'webgpu']);
    expect(providers.find(({ name }) => name === 'cuda')).toEqual({
      name: 'cuda',
      available: false,
      reason: 'cuda failed: no driver for cuda',
    });
    expect(providers.find(({ name }) => name === 'coreml')?.reason).toContain('not part of onnxruntime');
  }, 60_000);

  it('tries every further card of a provider that drives several', async () => {
    const { providers } = expectValue(await tryProviders(machine(['webgpu'], 2), {}));
    const present = providers.filter(({ available }) => available);
    expect(present.map(({ name, deviceId }) => [name, deviceId]).sort()).toEqual([
      ['cpu', undefined],
      ['cuda', undefined],
      ['cuda', 1],
    ]);
  });

  it('counts a card that computes wrongly as one that does not run', async () => {
    const runtime = machine(['cuda']);
    const wrong: OnnxRuntime = {
      ...runtime,
      createSession: async (graph, options) => {
        const session = await runtime.createSession(graph, options);
        if (options.executionProviders[0] !== 'webgpu') return session;
        return {
          ...session,
          run: async (inputs, results) => {
            const outputs = await session.run(inputs, results);
            const { logits } = outputs;
            if (!(logits?.data instanceof Float32Array)) return outputs;
            return { ...outputs, logits: { data: logits.data.map((value) => value * 0.9) } };
          },
        };
      },
    };
    const { providers } = expectValue(await tryProviders(wrong, {}));
    const found = providers.find(({ name }) => name === 'webgpu');
    expect(found).toMatchObject({ available: false });
    expect(found?.reason).toMatch(/^webgpu computes wrongly: .* by 1\d %/);
  }, 60_000);

  it('fails with every reason where nothing runs', async () => {
    const result = await tryProviders(machine(['cuda', 'webgpu', 'cpu']), {});
    expect(codeOf(result)).toBe('provider-failed');
    expect(!result.ok && result.error.message).toContain('no driver for cuda');
    expect(!result.ok && result.error.message).toContain('no driver for cpu');
  });
});
