import { describe, expect, it } from 'vitest';
import type { DeviceLimit } from '../../inference';
import { storedBytes } from '../../protocol/compute/stored-bytes';
import { chooseRange, fitRange, fitTogether, memoryBudget, smallerRange } from './shard-choice';
import { tinyManifest } from '../test-doubles/tiny-model';

const manifest = tinyManifest({ layers: 8, bytesPerLayer: 100, embeddingBytes: 50, headBytes: 30 });
const range = (layer_start: number, layer_end: number): { layer_start: number; layer_end: number } => ({
  layer_start,
  layer_end,
});

describe('chooseRange', () => {
  it.each([
    ['the own range', { kind: 'range', start: 2, end: 3 } as const, range(0, 7), range(2, 3), 'user'],
    ['the suggestion', { kind: 'automatic' } as const, range(4, 7), range(4, 7), 'coordinator'],
    ['the suggestion inside the model', { kind: 'automatic' } as const, range(4, 99), range(4, 7), 'coordinator'],
    ['all layers without suggestion', { kind: 'automatic' } as const, null, range(0, 7), 'coordinator'],
    ['all layers over nonsense', { kind: 'automatic' } as const, range(8, 9), range(0, 7), 'coordinator'],
  ])('takes %s', (_name, choice, suggestion, expected, chosenBy) => {
    expect(chooseRange(choice, manifest, suggestion)).toEqual({
      ok: true,
      value: { range: expected, chosenBy },
    });
  });

  it.each([
    [5, 8],
    [-1, 2],
    [3, 2],
    [0.5, 2],
  ])('refuses the own range %d to %d', (start, end) => {
    const result = chooseRange({ kind: 'range', start, end }, manifest, null);
    expect(result).toMatchObject({ ok: false, error: { code: 'range-invalid' } });
    expect(!result.ok && result.error.message).toContain('layers 0 to 7');
  });
});

describe('memory', () => {
  it('counts embedding and head where they are held', () => {
    expect(storedBytes(manifest, range(0, 7))).toBe(880);
    expect(storedBytes(manifest, range(0, 3))).toBe(450);
    expect(storedBytes(manifest, range(4, 7))).toBe(430);
    expect(storedBytes(manifest, range(2, 2))).toBe(100);
  });

  it('never plans with more than is free', () => {
    expect(memoryBudget(500, 1_000)).toBe(500);
    expect(memoryBudget(5_000, 1_000)).toBe(1_000);
    expect(memoryBudget(null, 1_000)).toBe(600);
  });

  it('takes what fits of a range where it may, and says what that needs', () => {
    const { shape } = manifest;
    const whole = fitRange(range(0, 7), shape, 'fp32', { device: 'cpu', budgetBytes: 1e12 }, true);
    expect(whole).toMatchObject({ range: range(0, 7), fit: { fits: true } });
    const needed = (end: number): number =>
      fitRange(range(0, end), shape, 'fp32', { device: 'cpu', budgetBytes: 1e12 }, true).fit?.estimate.totalBytes ?? 0;
    const device = { device: 'cpu', budgetBytes: needed(2) };
    expect(fitRange(range(0, 7), shape, 'fp32', device, true)).toMatchObject({
      range: range(0, 2),
      fit: { fits: true },
    });
    expect(fitRange(range(0, 7), shape, 'fp32', device, false)).toMatchObject({
      range: range(0, 7),
      fit: { fits: false },
    });
    expect(fitRange(range(0, 7), shape, 'fp32', { device: 'cpu', budgetBytes: 1 }, true).range).toEqual(range(0, 7));
  });

  it('fits more layers where they are held in fewer bits', () => {
    const large = { ...manifest.shape, hidden_size: 1_024, feed_forward_size: 4_096, head_size: 64 };
    const device = { device: 'cpu', budgetBytes: 150e6 };
    const ends = (['fp32', 'int8', 'int4'] as const).map((precision) => {
      const { range: held, fit } = fitRange(range(0, 7), large, precision, device, true);
      expect(fit).toMatchObject({ precision, fits: true });
      return held.layer_end;
    });
    expect(ends[0]).toBeLessThan(ends[1] ?? 0);
    expect(ends[1]).toBeLessThan(ends[2] ?? 0);
  });

  it('adds up what several devices hold', () => {
    const large = { ...manifest.shape, hidden_size: 1_024, feed_forward_size: 4_096, head_size: 64 };
    const card = { provider: 'cuda', memoryBudgetBytes: 150e6 };
    const endOn = (...devices: DeviceLimit[]): number =>
      fitTogether(range(0, 7), large, 'fp32', { devices, mainMemoryBytes: 1e9 }).layer_end;
    const [one, two] = [endOn(card), endOn(card, { ...card, deviceId: 1 })];
    expect(one).toBe(
      fitRange(range(0, 7), large, 'fp32', { device: 'cuda', budgetBytes: 150e6 }, true).range.layer_end,
    );
    expect(two).toBeGreaterThan(one);
    expect(endOn({ ...card, memoryBudgetBytes: 1 })).toBe(7);
  });

  it('halves a range until one layer is left', () => {
    expect(smallerRange(range(0, 7))).toEqual(range(0, 3));
    expect(smallerRange(range(4, 6))).toEqual(range(4, 4));
    expect(smallerRange(range(4, 4))).toBeNull();
  });
});
