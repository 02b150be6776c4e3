import { describe, expect, it } from 'vitest';
import type { HardwareReport } from '../../protocol/compute/node-snapshot';
import { HEADLESS_POLICY } from '../headless-options';
import { DEFAULT_ACTIVATION_SERVER, type NodePreferences } from '../contributor-options';
import { DEFAULT_RUN_PREFERENCES } from './policy-inputs';
import type { RunLevel } from './run-policy';
import { passShareOf, shardWish } from './work-level';

const preferences: NodePreferences = {
  ...DEFAULT_RUN_PREFERENCES,
  policy: HEADLESS_POLICY,
  coordinatorUrl: 'http://127.0.0.1:1',
  accessToken: null,
  modelFolder: null,
  modelId: 'org/model',
  activationServer: DEFAULT_ACTIVATION_SERVER,
  directLinks: null,
  layerSharing: null,
  region: null,
};

const both: RunLevel = {
  devices: ['cpu', 'gpu0'],
  cpuThreads: 2,
  cpuShare: 1,
  gpuShare: 1,
  memoryBudgetBytes: 1_000,
  vramBudgetBytes: 500,
  uploadBytesPerSecond: null,
  downloadBytesPerSecond: null,
};

function measured(...speeds: readonly (readonly [string, number | null])[]): HardwareReport {
  const providers = speeds.map(([name, tokensPerSecond]) => ({
    name,
    available: tokensPerSecond !== null,
    reason: tokensPerSecond === null ? `${name} is absent.` : null,
    tokensPerSecond,
  }));
  return { gpus: [], providers } as unknown as HardwareReport;
}

describe('shardWish', () => {
  it('asks for the fastest provider whose device may work', () => {
    const fast = measured(['cuda', 90], ['cpu', 30], ['webgpu', 20], ['tensorrt', null]);
    expect(shardWish(preferences, both, fast)).toMatchObject({
      providers: ['cuda', 'cpu', 'webgpu'],
      memoryBudgetBytes: 500,
      mayUseCpu: true,
    });
    expect(shardWish(preferences, { ...both, devices: ['gpu0'] }, fast)).toMatchObject({
      providers: ['cuda', 'webgpu'],
      mayUseCpu: false,
    });
    expect(shardWish(preferences, { ...both, devices: ['cpu'] }, fast)).toMatchObject({
      providers: ['cpu'],
      memoryBudgetBytes: 1_000,
    });
  });

  it('takes the processor where it is faster than the card beside it', () => {
    const slow = measured(['cpu', 30], ['webgpu', 20]);
    expect(shardWish(preferences, both, slow)).toMatchObject({
      providers: ['cpu', 'webgpu'],
      memoryBudgetBytes: 1_000,
    });
  });

  it('leaves it to the engine before anything was measured', () => {
    expect(shardWish(preferences, both, null)).toMatchObject({ providers: null, mayUseCpu: true });
  });

  it('takes the named provider and no other', () => {
    const wish = shardWish({ ...preferences, provider: 'webgpu' }, both, measured(['cpu', 30], ['webgpu', 20]));
    expect(wish).toMatchObject({ providers: ['webgpu'], memoryBudgetBytes: 500, mayUseCpu: false });
    expect(shardWish({ ...preferences, provider: 'cpu' }, both, null)).toMatchObject({
      providers: ['cpu'],
      memoryBudgetBytes: 1_000,
      mayUseCpu: true,
    });
  });

  it('spreads layers over the cards whose memory is known, within main memory', () => {
    const card = { vendor: 'NVIDIA', model: 'Card', memoryBytes: 1_000 };
    const hardware = { ...measured(['cuda', 90], ['cpu', 30]), gpus: [card] };
    expect(shardWish(preferences, both, hardware)).toMatchObject({
      devices: [
        { provider: 'cuda', deviceId: 0, memoryBudgetBytes: 500 },
        { provider: 'cpu', memoryBudgetBytes: null },
      ],
      memoryBudgetBytes: 1_000,
      mayUseCpu: true,
    });
    expect(shardWish({ ...preferences, provider: 'cuda' }, both, hardware).devices).toBeUndefined();
  });

  it('takes the named devices and no other', () => {
    const devices = [{ provider: 'cuda', deviceId: 1, memoryBudgetBytes: 700 }];
    const wish = shardWish({ ...preferences, devices }, both, measured(['cpu', 30]));
    expect(wish).toMatchObject({ devices, deviceReasons: [], memoryBudgetBytes: 1_000, mayUseCpu: false });
  });
});

describe('passShareOf', () => {
  it('is that of the device that may work least', () => {
    const level = { ...both, cpuShare: 0.5, cpuThreads: null, gpuShare: 0.25 };
    const [cpu, card, together] = ['cpu', 'cuda', 'cuda+cpu'].map((provider) => passShareOf(level, provider, 4));
    expect([card, together]).toEqual([0.25, 0.25]);
    expect(cpu).toBeGreaterThan(0.25);
    expect(passShareOf({ ...level, gpuShare: 1 }, 'cuda+cpu', 4)).toBe(cpu);
  });
});
