import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { success } from '../../protocol/result';
import { silentLogger } from '../logger';
import { ManualClock } from '../test-doubles/manual-clock';
import { TinyEngine } from '../test-doubles/tiny-engine';
import { hardwareFingerprint, readHardwareFacts, type HardwareFacts } from './hardware-facts';
import { measureHardware, type MeasureOptions } from './measure-hardware';

const facts: HardwareFacts = {
  cpuModel: 'Maker Processor',
  cpuCores: 8,
  memoryBytes: 16 * 2 ** 30,
  freeMemoryBytes: 4 * 2 ** 30,
  gpus: [
    { model: 'Small', memoryBytes: null },
    { model: 'Large', memoryBytes: 12 * 2 ** 30 },
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
    expect(await measure()).toMatchObject({
      ok: true,
      value: {
        profile: {
          gpu_model: 'Large',
          gpu_memory_gb: 12,
          cpu_model: 'Maker Processor',
          cpu_cores: 8,
          ram_gb: 16,
          matmul_score: 0.25,
          memory_score: 0.5,
          latency_score: 0.75,
        },
        report: {
          matmulGflops: 10,
          providers: [{ name: 'cpu', available: true, reason: null }],
          freeMemoryBytes: 2 ** 32,
        },
      },
    });
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
  it('fingerprints tell machines apart, not people', () => {
    const fingerprint = hardwareFingerprint(facts, 'key');
    expect(fingerprint).toMatch(/^[0-9a-f]{64}$/);
    expect(hardwareFingerprint({ ...facts, freeMemoryBytes: 5 }, 'key')).toBe(fingerprint);
    expect(hardwareFingerprint({ ...facts, cpuCores: 4 }, 'key')).not.toBe(fingerprint);
    expect(hardwareFingerprint(facts, 'other key')).not.toBe(fingerprint);
  });

  it('goes on without graphics, not without memory', async () => {
    const cpu = async () => ({ manufacturer: '', brand: '', cores: 0, physicalCores: 0 });
    const mem = async () => ({ total: 5, available: 3 });
    const graphics = async (): Promise<never> => {
      throw new Error('driver');
    };
    expect(await readHardwareFacts({ cpu, mem, graphics }, silentLogger)).toEqual({
      ok: true,
      value: { cpuModel: 'unknown processor', cpuCores: 1, memoryBytes: 5, freeMemoryBytes: 3, gpus: [] },
    });
    expect(await readHardwareFacts({ cpu, mem: graphics, graphics }, silentLogger)).toMatchObject({
      ok: false,
      error: { code: 'hardware-unreadable' },
    });
  });
});
