import { describe, expect, it } from 'vitest';
import { codeOf, expectValue } from '../testdata/tore-tiny';
import type { OnnxRuntime } from './onnx-runtime';
import { reportProviders } from './provider-report';
import { selectProvider, type ProviderAttempt } from './provider-selection';

interface FakeSession {
  readonly provider: string;
}

/** A machine whose providers do as told: `broken` ones throw when opened, `wrong` ones when run. */
function machine(options: { supported: string[]; broken?: string[]; wrong?: string[]; preferences: string[] }) {
  const log: string[] = [];
  const attempt: ProviderAttempt<FakeSession> = {
    preferences: options.preferences,
    listSupportedBackends: () => options.supported.map((name) => ({ name })),
    create: async (provider) => {
      log.push(`open ${provider}`);
      if (options.broken?.includes(provider) === true) throw new Error('Failed to load shared library\nat line 1');
      return { provider };
    },
    verify: async ({ provider }) => {
      log.push(`run ${provider}`);
      if (options.wrong?.includes(provider) === true) throw new Error('no adapter');
    },
    release: async ({ provider }) => {
      log.push(`release ${provider}`);
    },
  };
  return { attempt, log };
}

describe('selectProvider', () => {
  it('takes the first preferred provider that runs', async () => {
    const { attempt, log } = machine({ supported: ['cpu', 'cuda', 'webgpu'], preferences: ['cuda', 'webgpu'] });
    const selected = expectValue(await selectProvider(attempt));
    expect(selected).toMatchObject({ provider: 'cuda', reasons: [] });
    expect(log).toEqual(['open cuda', 'run cuda']);
  });

  it('falls back step by step and says why', async () => {
    const { attempt, log } = machine({
      supported: ['cpu', 'cuda', 'webgpu'],
      broken: ['cuda'],
      wrong: ['webgpu'],
      preferences: ['dml', 'cuda', 'webgpu', 'made-up'],
    });
    const selected = expectValue(await selectProvider(attempt));
    expect(selected.provider).toBe('cpu');
    expect(selected.reasons).toEqual([
      'dml is not part of onnxruntime on this system.',
      'cuda failed: Failed to load shared library',
      'webgpu failed: no adapter',
      'made-up is not known.',
    ]);
    expect(log).toEqual(['open cuda', 'open webgpu', 'run webgpu', 'release webgpu', 'open cpu', 'run cpu']);
  });

  it('never opens what onnxruntime would drop silently', async () => {
    const { attempt, log } = machine({ supported: ['cpu'], preferences: ['coreml', 'dml'] });
    expectValue(await selectProvider(attempt));
    expect(log).toEqual(['open cpu', 'run cpu']);
  });

  it('fails with all reasons when not even the processor works', async () => {
    const { attempt } = machine({ supported: ['cpu'], broken: ['cpu'], preferences: ['cuda'] });
    const result = await selectProvider(attempt);
    expect(codeOf(result)).toBe('provider-failed');
    expect(!result.ok && result.error.message).toContain('cuda is not part');
    expect(!result.ok && result.error.message).toContain('cpu failed');
  });
});

describe('reportProviders', () => {
  it('tells absent, failing, wrong and working providers apart', async () => {
    const runtime: OnnxRuntime = {
      listSupportedBackends: () => ['cpu', 'cuda', 'webgpu'].map((name) => ({ name, bundled: true })),
      createSession: async (_, { executionProviders }) => {
        if (executionProviders.includes('cuda')) throw new Error('no driver');
        const doubled = executionProviders.includes('webgpu') ? Float32Array.of(0, 0) : Float32Array.of(2, 4);
        return { run: async () => ({ doubled: { data: doubled } }), release: async () => undefined };
      },
      createTensor: (_, data) => ({ data }),
    };
    expect(await reportProviders(runtime)).toEqual([
      { name: 'tensorrt', available: false, reason: 'tensorrt is not part of onnxruntime on this system.' },
      { name: 'cuda', available: false, reason: 'cuda failed: no driver' },
      { name: 'dml', available: false, reason: 'dml is not part of onnxruntime on this system.' },
      { name: 'coreml', available: false, reason: 'coreml is not part of onnxruntime on this system.' },
      { name: 'webgpu', available: false, reason: 'webgpu failed: its result is wrong' },
      { name: 'cpu', available: true },
    ]);
  });
});
