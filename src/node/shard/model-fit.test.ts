import { describe, expect, it } from 'vitest';
import { tinyManifest } from '../test-doubles/tiny-model';
import { estimateFit } from './model-fit';

/** A model of 4 layers whose sizes can be counted by hand. */
const manifest = {
  ...tinyManifest({ layers: 4 }),
  shape: {
    layers: 4,
    hidden_size: 1_024,
    feed_forward_size: 2_816,
    attention_heads: 16,
    key_value_heads: 4,
    head_size: 64,
    vocabulary_size: 32_000,
    context_length: 2_048,
  },
};
const FLOAT = 4;
/** Query, key and value, output, gate and up, down, two norms. */
const LAYER_FLOATS = 1_024 * (1_024 + 2 * 256) + 1_024 * 1_024 + 3 * 1_024 * 2_816 + 2 * 1_024;
const range = (layer_start: number, layer_end: number) => ({ layer_start, layer_end });
const MEBIBYTE = 1_048_576;

describe('the memory a range of layers takes', () => {
  it('counts weights, cache and runtime, each once', () => {
    const fit = estimateFit(manifest, range(1, 2), []);
    // Every weight begins on a memory page; rotary tables come on top.
    expect(fit.weightBytes).toBeGreaterThanOrEqual(2 * LAYER_FLOATS * FLOAT);
    expect(fit.weightBytes).toBeLessThan(2 * LAYER_FLOATS * FLOAT + 2 * MEBIBYTE);
    expect(fit.positions).toBe(1_024);
    expect(fit.cacheBytes).toBe(2 * 2 * 4 * 64 * FLOAT * 1_024);
    expect(fit.totalBytes).toBe(fit.weightBytes + fit.cacheBytes + fit.runtimeBytes);
  });

  it('says for each device whether it fits and how far it would', () => {
    const whole = estimateFit(manifest, range(0, 3), []).totalBytes;
    const half = estimateFit(manifest, range(0, 1), []).totalBytes;
    const fit = estimateFit(manifest, range(0, 3), [
      { device: 'cpu', name: 'Processor', budgetBytes: whole },
      { device: 'gpu0', name: 'Card', budgetBytes: half },
      { device: 'gpu1', name: 'Small card', budgetBytes: 1_000 },
    ]);
    expect(fit.devices.map(({ fits, largest }) => ({ fits, largest }))).toEqual([
      { fits: true, largest: range(0, 3) },
      { fits: false, largest: range(0, 1) },
      { fits: false, largest: null },
    ]);
  });

  it('counts an embedding for the first layer and a head for the last', () => {
    const inner = estimateFit(manifest, range(1, 1), []).weightBytes;
    const first = estimateFit(manifest, range(0, 0), []).weightBytes;
    const last = estimateFit(manifest, range(3, 3), []).weightBytes;
    const embedding = 32_000 * 1_024 * FLOAT;
    expect(first - inner).toBe(embedding);
    expect(last - inner).toBeGreaterThanOrEqual(embedding + 1_024 * FLOAT);
  });
});
