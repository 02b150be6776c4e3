import { beforeAll, describe, expect, it } from 'vitest';
import { readModelFolder, type ModelFolder } from '../models/model-folder';
import { codeOf, expectValue, layers, TORE_TINY } from '../testdata/tore-tiny';
import { checkMemoryBudget, longestFittingRange, estimateShard } from './estimate-shard';
import { formatBytes } from './shard-files';

let model: ModelFolder;
beforeAll(async () => {
  model = expectValue(await readModelFolder(TORE_TINY));
});

describe('estimateShard', () => {
  it('counts the weights as 32-bit floats and the cache per position', () => {
    const estimate = estimateShard(model.config, layers(2, 4));
    // Twice the stored 16-bit weights, and the rotary tables of 512 × 16 floats; little is lost to alignment.
    const weights = 3 * 2 * (model.manifest.bytes_per_layer[2] ?? 0) + 2 * 512 * 16 * 4;
    expect(estimate.weightBytes).toBeGreaterThanOrEqual(weights);
    expect(estimate.weightBytes).toBeLessThan(weights * 1.02 + 20 * 4_096);
    expect(estimate.kvBytesPerPosition).toBe(3 * 2 * 2 * 32 * 4);
    expect(estimate.kvBytes).toBe(512 * estimate.kvBytesPerPosition);
    expect(estimate.totalBytes).toBe(estimate.weightBytes + estimate.kvBytes + estimate.scratchBytes);
  });

  it('rounds positions up to whole pages', () => {
    expect(estimateShard(model.config, layers(0, 0), 257).kvBytes).toBe(
      estimateShard(model.config, layers(0, 0), 320).kvBytes,
    );
  });

  it('grows with every layer', () => {
    const totals = [0, 1, 2, 3].map((last) => estimateShard(model.config, layers(0, last)).totalBytes);
    expect(totals).toEqual([...totals].sort((a, b) => a - b));
  });
});

describe('checkMemoryBudget', () => {
  it('leaves the rest to KV caches', () => {
    const estimate = estimateShard(model.config, layers(0, 7));
    expect(expectValue(checkMemoryBudget(estimate, estimate.totalBytes))).toBe(estimate.kvBytes);
    expect(codeOf(checkMemoryBudget(estimate, estimate.totalBytes - 1))).toBe('memory-insufficient');
  });
});

describe('longestFittingRange', () => {
  it('is the range whose next layer would be too much', () => {
    const three = estimateShard(model.config, layers(2, 4), undefined, 'int8').totalBytes;
    expect(longestFittingRange(model.config, 2, three, 'int8')).toEqual(layers(2, 4));
    expect(longestFittingRange(model.config, 2, three - 1, 'int8')).toEqual(layers(2, 3));
    expect(longestFittingRange(model.config, 0, 1_000)).toBeUndefined();
  });

  it('is named where a longer one is refused', () => {
    const estimate = estimateShard(model.config, layers(0, 7));
    const refused = checkMemoryBudget(estimate, estimate.totalBytes - 1, layers(0, 6));
    expect(!refused.ok && refused.error.suggestion).toContain('layers 0-6, which fit');
  });
});

describe('formatBytes', () => {
  it.each([
    [0, '0 bytes'],
    [1_023, '1023 bytes'],
    [1_024, '1.0 KiB'],
    [5_000_000_000, '4.7 GiB'],
    [2 ** 60, '1048576.0 TiB'],
  ])('writes %i as %s', (size, text) => {
    expect(formatBytes(size)).toBe(text);
  });
});
