import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { DeviceLimit } from '../device';
import { codeOf, expectValue, layers } from '../testdata/tore-tiny';
import { checkMemoryBudget, estimateShard } from './estimate-shard';
import { longestPlannedRange, planDevices, type PlannedLayers } from './plan-devices';
import type { ShardPrecision } from './weight-layout';

/** Llama 3.1 8B. */
const SHAPE = {
  layers: 32,
  hidden_size: 4_096,
  feed_forward_size: 14_336,
  attention_heads: 32,
  key_value_heads: 8,
  head_size: 128,
  vocabulary_size: 128_256,
  context_length: 131_072,
};
const GIB = 2 ** 30;
const config = { shape: SHAPE, tiedEmbedding: false };
const ROOMY = 1_000 * GIB;

function plannedLayers(first: number, last: number, precision: ShardPrecision = 'int4'): PlannedLayers {
  return { config, range: layers(first, last), precision };
}

const card = (gibibytes: number, deviceId?: number): DeviceLimit => ({
  provider: 'cuda',
  ...(deviceId === undefined ? {} : { deviceId }),
  memoryBudgetBytes: gibibytes * GIB,
});
const cpu = (gibibytes: number): DeviceLimit => ({ provider: 'cpu', memoryBudgetBytes: gibibytes * GIB });

describe('planDevices', () => {
  it('leaves a shard whole where the first device holds it, and says why the others rest', () => {
    const plan = expectValue(
      planDevices(plannedLayers(0, 31), { devices: [card(8, 0), card(8, 1), cpu(16)], mainMemoryBytes: 16 * GIB }),
    );
    expect(plan.segments).toMatchObject([{ device: { deviceId: 0 }, range: layers(0, 31) }]);
    expect(plan.reasons).toEqual([
      'cuda:1 is not needed: all layers have their place.',
      'cpu is not needed: all layers have their place.',
    ]);
  });

  it('gives the first device as many layers as fit and the rest to the next', () => {
    const limits = { devices: [card(3, 0), card(1.5, 1), cpu(16)], mainMemoryBytes: 16 * GIB };
    const { segments } = expectValue(planDevices(plannedLayers(0, 31), limits));
    expect(segments.map(({ device }) => device)).toEqual(limits.devices);
    const [first, second, third] = segments;
    const grown = layers(0, (first?.range.layer_end ?? 0) + 1);
    expect(estimateShard(config, grown, undefined, 'int4').totalBytes).toBeGreaterThan(3 * GIB);
    expect((first?.range.layer_end ?? 0) - 0).toBeGreaterThan((second?.range.layer_end ?? 0) - grown.layer_end);
    expect(third?.range.layer_end).toBe(31);
  });

  it('passes a device over that cannot hold one layer, and says so in numbers', () => {
    const { segments, reasons } = expectValue(
      planDevices(plannedLayers(0, 31), { devices: [card(0.1), cpu(16)], mainMemoryBytes: 16 * GIB }),
    );
    expect(segments).toMatchObject([{ device: { provider: 'cpu' }, range: layers(0, 31) }]);
    expect(reasons).toEqual([expect.stringMatching(/^cuda may use 102\.4 MiB; layer 0 alone needs [\d.]+ MiB\.$/)]);
  });

  it('refuses what fits nowhere with the numbers of each device, and names what would fit', () => {
    const limits = { devices: [card(2), cpu(1)], mainMemoryBytes: 4 * GIB };
    const refused = planDevices(plannedLayers(0, 31), limits);
    expect(codeOf(refused)).toBe('memory-insufficient');
    if (refused.ok) return;
    const { message, suggestion } = refused.error;
    expect(message).toMatch(/cuda may use 2\.0 GiB and takes layers 0-\d+ with 1\.\d GiB\./);
    expect(message).toMatch(/cpu may use 1\.0 GiB and takes layers \d+-\d+ with/);
    expect(message).toMatch(/Layers \d+-31 have no room\./);
    const fitting = Number(/Serve layers 0-(\d+), which fit/.exec(suggestion ?? '')?.[1]);
    expect(codeOf(planDevices(plannedLayers(0, fitting), limits))).toBe('ok');
    expect(codeOf(planDevices(plannedLayers(0, fitting + 1), limits))).toBe('memory-insufficient');
  });

  it('refuses on one device as that device alone would', () => {
    const estimate = estimateShard(config, layers(0, 31), undefined, 'int8');
    const limits = { devices: [cpu(2)], mainMemoryBytes: 2 * GIB };
    const refused = planDevices(plannedLayers(0, 31, 'int8'), limits);
    const fitting = longestPlannedRange(plannedLayers(0, 31, 'int8'), limits);
    expect(fitting).toBeDefined();
    expect(refused).toEqual(checkMemoryBudget(estimate, 2 * GIB, fitting));
  });

  it('counts the KV cache of all cards in main memory', () => {
    const limits = { devices: [card(80)], mainMemoryBytes: 1 };
    const refused = planDevices(plannedLayers(0, 31), limits);
    expect(codeOf(refused)).toBe('memory-insufficient');
    expect(!refused.ok && refused.error.message).toContain('1 bytes of main memory are allowed');
    const { kvBytes } = estimateShard(config, layers(0, 31), undefined, 'int4');
    const plan = expectValue(planDevices(plannedLayers(0, 31), { ...limits, mainMemoryBytes: kvBytes }));
    expect(plan.cacheBudgetBytes).toBe(kvBytes);
  });

  it('never exceeds a budget, leaves no layer out, and keeps the order of layers and devices', () => {
    const anyDevice = fc.record({ isCpu: fc.boolean(), budget: fc.integer({ min: 0, max: 6_000 }) });
    const anyPrecision = fc.constantFrom<ShardPrecision>('fp32', 'int8', 'int4');
    let planned = 0;
    fc.assert(
      fc.property(
        fc.nat(31),
        fc.nat(31),
        anyPrecision,
        fc.array(anyDevice, { maxLength: 5 }),
        fc.integer({ min: 0, max: 20_000 }),
        (a, b, precision, choices, mainMebibytes) => {
          const layersOf = plannedLayers(Math.min(a, b), Math.max(a, b), precision);
          const devices = choices.map(({ isCpu, budget }, deviceId): DeviceLimit => {
            const limit = { memoryBudgetBytes: budget * 2 ** 20 };
            return isCpu ? { provider: 'cpu', ...limit } : { provider: 'cuda', deviceId, ...limit };
          });
          const limits = { devices, mainMemoryBytes: mainMebibytes * 2 ** 20 };
          const longest = longestPlannedRange(layersOf, limits);
          const plan = planDevices(layersOf, limits);
          expect(plan.ok).toBe(longest?.layer_end === layersOf.range.layer_end);
          if (!plan.ok) return;
          planned++;
          const { segments, reasons, cacheBudgetBytes } = plan.value;
          expect(segments.length + reasons.length).toBe(devices.length);
          let next = layersOf.range.layer_start;
          let lastIndex = -1;
          let inMainMemory = 0;
          let cacheBytes = 0;
          const share = cacheBudgetBytes / estimateShard(config, layersOf.range, undefined, precision).kvBytes;
          expect(share).toBeGreaterThanOrEqual(1);
          for (const { device, range, estimate } of segments) {
            const index = devices.indexOf(device);
            expect(index).toBeGreaterThan(lastIndex);
            expect(range.layer_start).toBe(next);
            expect(range.layer_end).toBeGreaterThanOrEqual(next);
            expect(estimate).toEqual(estimateShard(config, range, undefined, precision));
            const held = estimate.weightBytes + estimate.scratchBytes;
            // All sequences together, as long as the budget lets them be.
            expect(held + Math.floor(estimate.kvBytes * share)).toBeLessThanOrEqual(device.memoryBudgetBytes + 1);
            if (device.provider === 'cpu') inMainMemory += held;
            cacheBytes += estimate.kvBytes;
            lastIndex = index;
            next = range.layer_end + 1;
          }
          expect(next).toBe(layersOf.range.layer_end + 1);
          expect(inMainMemory + Math.floor(cacheBytes * share)).toBeLessThanOrEqual(limits.mainMemoryBytes + 1);
        },
      ),
      { numRuns: 150 },
    );
    expect(planned).toBeGreaterThan(10);
  });

  it('lets the device with the least room for positions bound the KV cache', () => {
    const limits = { devices: [card(2), cpu(16)], mainMemoryBytes: ROOMY };
    const { segments, cacheBudgetBytes } = expectValue(planDevices(plannedLayers(0, 31), limits));
    const free = segments.map(
      ({ device, estimate }) =>
        (device.memoryBudgetBytes - estimate.weightBytes - estimate.scratchBytes) / estimate.kvBytesPerPosition,
    );
    const perPosition = segments.reduce((sum, { estimate }) => sum + estimate.kvBytesPerPosition, 0);
    expect(cacheBudgetBytes).toBe(Math.floor(Math.min(...free) * perPosition));
  });
});
