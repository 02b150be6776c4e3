import { describe, expect, it } from 'vitest';
import type { HardwareReport } from '../../protocol/compute/node-snapshot';
import type { DeviceId } from '../../protocol/compute/run-preferences';
import type { RunLevel } from './run-policy';
import { workDevices } from './work-devices';

const GIB = 2 ** 30;

type Tried = readonly [name: string, tokensPerSecond: number | null, deviceId?: number];

function machine(gpus: HardwareReport['gpus'], ...tried: readonly Tried[]): HardwareReport {
  const providers = tried.map(([name, tokensPerSecond, deviceId]) => ({
    name,
    ...(deviceId === undefined ? {} : { deviceId }),
    available: tokensPerSecond !== null,
    reason: tokensPerSecond === null ? `${name} is absent.` : null,
    tokensPerSecond,
  }));
  return { gpus, providers } as unknown as HardwareReport;
}

function level(devices: readonly DeviceId[], vramBudgetBytes: number | null = null): RunLevel {
  const limits = { cpuThreads: null, cpuShare: 1, gpuShare: 1, memoryBudgetBytes: null, vramBudgetBytes };
  return { ...limits, devices, uploadBytesPerSecond: null, downloadBytesPerSecond: null };
}

const large = { vendor: 'NVIDIA Corporation', model: 'Large', memoryBytes: 10 * GIB };
const small = { vendor: 'NVIDIA Corporation', model: 'Small', memoryBytes: 5 * GIB };
const built = { vendor: 'Intel', model: 'Built-in', memoryBytes: GIB };
const ALL = ['cpu', 'gpu0', 'gpu1', 'gpu2'];

describe('workDevices', () => {
  it('gives every card its own number and memory, fastest first, and the processor what main memory there is', () => {
    const hardware = machine([small, large], ['cuda', 50, 1], ['cuda', 40], ['cpu', 9], ['webgpu', 8]);
    expect(workDevices(hardware, level(ALL))).toEqual({
      devices: [
        { provider: 'cuda', deviceId: 1, memoryBudgetBytes: 8 * GIB },
        { provider: 'cuda', deviceId: 0, memoryBudgetBytes: 4 * GIB },
        { provider: 'cpu', memoryBudgetBytes: null },
      ],
      reasons: [],
    });
  });

  it('keeps to the limits of the person, and to the devices that may work now', () => {
    const hardware = machine([small, large], ['cuda', 50, 1], ['cuda', 40], ['cpu', 60]);
    expect(workDevices(hardware, level(['cpu', 'gpu1'], 2 * GIB))?.devices).toEqual([
      { provider: 'cpu', memoryBudgetBytes: null },
      { provider: 'cuda', deviceId: 1, memoryBudgetBytes: 2 * GIB },
    ]);
    expect(workDevices(hardware, level(['gpu0']))?.devices).toEqual([
      { provider: 'cuda', deviceId: 0, memoryBudgetBytes: 4 * GIB },
    ]);
    expect(workDevices(hardware, level(['cpu']))).toBeNull();
  });

  it('counts only the cards of the maker, and says why others are left out', () => {
    const unread = { ...large, model: 'Unread', memoryBytes: null };
    const hardware = machine([built, small, unread, large], ['cuda', 50], ['cuda', 40, 1], ['cpu', 9]);
    expect(workDevices(hardware, level([...ALL, 'gpu3']))).toEqual({
      devices: [
        { provider: 'cuda', deviceId: 0, memoryBudgetBytes: 4 * GIB },
        { provider: 'cpu', memoryBudgetBytes: null },
      ],
      reasons: [
        'Unread is not used: the size of its memory is not known.',
        'Large is not used: neither cuda nor tensorrt runs on it.',
        'Built-in is not used: no provider that runs can be told to take it.',
      ],
    });
  });

  it('lets a provider that takes no number have the card it takes, within the smallest', () => {
    const hardware = machine([built, large], ['webgpu', 50], ['cpu', 9], ['cuda', null]);
    expect(workDevices(hardware, level(ALL))?.devices).toEqual([
      { provider: 'webgpu', memoryBudgetBytes: Math.floor(0.8 * GIB) },
      { provider: 'cpu', memoryBudgetBytes: null },
    ]);
  });

  it.each([
    ['nothing was measured', null],
    ['there is no card', machine([], ['cpu', 9])],
    ['no provider runs on the card', machine([large], ['cuda', null], ['cpu', 9])],
    ['the memory of a card is not known', machine([{ ...built, memoryBytes: null }], ['webgpu', 50], ['cpu', 9])],
  ])('leaves all to one provider where %s', (_, hardware) => {
    expect(workDevices(hardware, level(ALL))).toBeNull();
  });
});
