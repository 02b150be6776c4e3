import { describe, expect, it } from 'vitest';
import { storedBytes } from '../../protocol/compute/stored-bytes';
import { chooseRange, fitRange, memoryBudget, smallerRange } from './shard-choice';
import { tinyManifest } from '../test-doubles/tiny-model';

const manifest = tinyManifest({ layers: 8, bytesPerLayer: 100, embeddingBytes: 50, headBytes: 30 });
const range = (layer_start: number, layer_end: number): { layer_start: number; layer_end: number } => ({
  layer_start,
  layer_end,
});

describe('chooseRange', () => {
  it.each([
    ['the own range', { kind: 'range', start: 2, end: 3 } as const, range(0, 7), 1_000, range(2, 3), 'user'],
    ['the suggestion', { kind: 'automatic' } as const, range(4, 7), 1_000, range(4, 7), 'coordinator'],
    [
      'the suggestion inside the model',
      { kind: 'automatic' } as const,
      range(4, 99),
      1_000,
      range(4, 7),
      'coordinator',
    ],
    ['all that fits without suggestion', { kind: 'automatic' } as const, null, 10_000, range(0, 7), 'coordinator'],
    ['a part without suggestion', { kind: 'automatic' } as const, null, 350, range(0, 2), 'coordinator'],
    ['one layer at least', { kind: 'automatic' } as const, null, 1, range(0, 0), 'coordinator'],
    ['own choice over nonsense', { kind: 'automatic' } as const, range(8, 9), 10_000, range(0, 7), 'coordinator'],
  ])('takes %s', (_name, choice, suggestion, budget, expected, chosenBy) => {
    expect(chooseRange(choice, manifest, suggestion, budget)).toEqual({
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
    const result = chooseRange({ kind: 'range', start, end }, manifest, null, 1);
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
    const whole = fitRange(range(0, 7), shape, { device: 'cpu', budgetBytes: 1e12 }, true);
    expect(whole).toMatchObject({ range: range(0, 7), fit: { fits: true } });
    const needed = (end: number): number =>
      fitRange(range(0, end), shape, { device: 'cpu', budgetBytes: 1e12 }, true).fit?.estimate.totalBytes ?? 0;
    const device = { device: 'cpu', budgetBytes: needed(2) };
    expect(fitRange(range(0, 7), shape, device, true)).toMatchObject({ range: range(0, 2), fit: { fits: true } });
    expect(fitRange(range(0, 7), shape, device, false)).toMatchObject({ range: range(0, 7), fit: { fits: false } });
    expect(fitRange(range(0, 7), shape, { device: 'cpu', budgetBytes: 1 }, true).range).toEqual(range(0, 7));
  });

  it('halves a range until one layer is left', () => {
    expect(smallerRange(range(0, 7))).toEqual(range(0, 3));
    expect(smallerRange(range(4, 6))).toEqual(range(4, 4));
    expect(smallerRange(range(4, 4))).toBeNull();
  });
});
