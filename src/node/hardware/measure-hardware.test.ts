import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { success } from '../../protocol/result';
import { silentLogger } from '../logger';
import { ManualClock } from '../test-doubles/manual-clock';
import { testHardware } from '../test-doubles/test-hardware';
import { TinyEngine } from '../test-doubles/tiny-engine';
import {
  machineFingerprint,
  readHardwareFacts,
  readMachineId,
  type HardwareFacts,
  type HardwareReader,
} from './hardware-facts';
import { measureHardware, type MeasureOptions } from './measure-hardware';

const facts: HardwareFacts = {
  cpuModel: 'Maker Processor',
  cpuCores: 8,
  memoryBytes: 16 * 2 ** 30,
  freeMemoryBytes: 4 * 2 ** 30,
  gpus: [
    { vendor: 'Maker', model: 'Small', memoryBytes: null },
    { vendor: 'Maker', model: 'Large', memoryBytes: 12 * 2 ** 30 },
  ],
};

let folder: string;
let measured: number;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tore-hardware-'));
  measured = 0;
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const measure = (changes: Partial<MeasureOptions> = {}): ReturnType<typeof measureHardware> =>
  measureHardware({
    facts,
    machineId: 'an-installation',
    publicKey: 'key',
    appVersion: '1.0.0',
    dataFolder: folder,
    again: false,
    engine: async () => {
      measured += 1;
      return success(new TinyEngine(() => undefined));
    },
    clock: new ManualClock(),
    logger: silentLogger,
    ...changes,
  });

describe('measureHardware', () => {
  it('reports what was read and measured', async () => {
    const hardware = await measure();
    expect(hardware).toMatchObject({
      ok: true,
      value: {
        report: {
          matmulGflops: 10,
          providers: [
            { name: 'cpu', available: true, reason: null, tokensPerSecond: 30 },
            { name: 'cuda', available: false, reason: expect.stringContaining('not part'), tokensPerSecond: null },
          ],
          freeMemoryBytes: 2 ** 32,
        },
      },
    });
    expect(hardware.ok && hardware.value.profileFor('tore.example')).toEqual({
      gpu_model: 'Large',
      gpu_memory_gb: 12,
      cpu_model: 'Maker Processor',
      cpu_cores: 8,
      ram_gb: 16,
      matmul_score: 0.25,
      memory_score: 0.5,
      latency_score: 0.75,
      fingerprint: expect.stringMatching(/^[0-9a-f]{64}$/),
    });
    expect(JSON.stringify(hardware)).not.toContain('an-installation');
  });

  it('measures once per hardware and program version, or when asked', async () => {
    await measure();
    await measure({ facts: { ...facts, freeMemoryBytes: 1 } });
    expect(measured).toBe(1);
    await measure({ facts: { ...facts, cpuCores: 4 } });
    expect(measured).toBe(2);
    await measure({ appVersion: '1.0.1' });
    expect(measured).toBe(3);
    await measure({ appVersion: '1.0.1', again: true });
    expect(measured).toBe(4);
    await writeFile(join(folder, 'hardware.json'), '{broken');
    await measure({ appVersion: '1.0.1' });
    expect(measured).toBe(5);
  });
});

describe('hardware facts', () => {
  it('let one coordinator see which keys are on one machine, and no two coordinators', () => {
    const machine = { id: 'an-installation', publicKey: 'key', coordinatorHost: 'tore.example' };
    const fingerprint = machineFingerprint(facts, machine);
    expect(fingerprint).toMatch(/^[0-9a-f]{64}$/);
    expect(machineFingerprint({ ...facts, freeMemoryBytes: 5 }, { ...machine, publicKey: 'other' })).toBe(fingerprint);
    expect(machineFingerprint({ ...facts, cpuCores: 4 }, machine)).not.toBe(fingerprint);
    expect(machineFingerprint(facts, { ...machine, id: 'another' })).not.toBe(fingerprint);
    expect(machineFingerprint(facts, { ...machine, coordinatorHost: 'other.example' })).not.toBe(fingerprint);
  });

  it('tell computers of one model apart by their keys where the system has no id', async () => {
    const machine = { id: null, publicKey: 'key', coordinatorHost: 'tore.example' };
    expect(machineFingerprint(facts, machine)).not.toBe(machineFingerprint(facts, { ...machine, publicKey: 'other' }));
    const reader = (uuid: () => Promise<{ os: string }>): HardwareReader => ({ ...testHardware, uuid });
    expect(
      await readMachineId(
        reader(async () => ({ os: ' id ' })),
        silentLogger,
      ),
    ).toBe('id');
    expect(
      await readMachineId(
        reader(async () => ({ os: '' })),
        silentLogger,
      ),
    ).toBeNull();
    expect(
      await readMachineId(
        reader(() => Promise.reject(new Error('none'))),
        silentLogger,
      ),
    ).toBeNull();
  });

  it('goes on without graphics, not without memory', async () => {
    const cpu = async () => ({ manufacturer: '', brand: '', cores: 0, physicalCores: 0 });
    const mem = async () => ({ total: 5, available: 3 });
    const graphics = async (): Promise<never> => {
      throw new Error('driver');
    };
    expect(await readHardwareFacts({ ...testHardware, cpu, mem, graphics }, silentLogger)).toEqual({
      ok: true,
      value: { cpuModel: 'unknown processor', cpuCores: 1, memoryBytes: 5, freeMemoryBytes: 3, gpus: [] },
    });
    expect(await readHardwareFacts({ ...testHardware, cpu, mem: graphics, graphics }, silentLogger)).toMatchObject({
      ok: false,
      error: { code: 'hardware-unreadable' },
    });
  });
});
