import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { randomNumbers } from '../testdata/random-checkpoint';
import { BLOCK_WEIGHTS, dequantize, quantize } from './quantization';

function squaredError(a: Float32Array, b: Float32Array): number {
  return a.reduce((sum, value, index) => sum + (value - (b[index] ?? Number.NaN)) ** 2, 0);
}

/** Normally distributed, as trained weights nearly are. */
function normal(count: number): Float32Array {
  const random = randomNumbers(11);
  return Float32Array.from(
    { length: count },
    () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random()),
  );
}

/** What plain rounding gives: the extreme weight becomes the lowest number. */
function roundPlainly(weights: Float32Array): Float32Array {
  const rounded = new Float32Array(weights.length);
  for (let start = 0; start < weights.length; start += BLOCK_WEIGHTS) {
    const block = weights.subarray(start, start + BLOCK_WEIGHTS);
    const extreme = block.reduce((a, b) => (Math.abs(b) > Math.abs(a) ? b : a), 0);
    const scale = extreme / -8;
    for (const [index, weight] of block.entries()) {
      rounded[start + index] = Math.min(7, Math.max(-8, Math.round(weight / scale))) * scale;
    }
  }
  return rounded;
}

describe('quantize', () => {
  it('beats plain rounding', () => {
    const weights = normal(BLOCK_WEIGHTS * 2_000);
    const plain = squaredError(weights, roundPlainly(weights));
    expect(squaredError(weights, dequantize(quantize(weights, 4), 4))).toBeLessThan(0.92 * plain);
  });

  it('has the relative error its bits allow', () => {
    const weights = normal(BLOCK_WEIGHTS * 2_000);
    const power = weights.reduce((sum, weight) => sum + weight * weight, 0);
    expect(Math.sqrt(squaredError(weights, dequantize(quantize(weights, 4), 4)) / power)).toBeLessThan(0.083);
    expect(Math.sqrt(squaredError(weights, dequantize(quantize(weights, 8), 8)) / power)).toBeLessThan(0.0055);
  });

  it('keeps what can be kept exactly', () => {
    const weights = Float32Array.from({ length: BLOCK_WEIGHTS }, (_, index) => ((index % 16) - 8) * 0.25);
    expect(dequantize(quantize(weights, 4), 4)).toEqual(weights);
    const zeros = new Float32Array(BLOCK_WEIGHTS);
    expect(dequantize(quantize(zeros, 4), 4)).toEqual(zeros);
    expect(dequantize(quantize(zeros, 8), 8)).toEqual(zeros);
  });

  it('is never worse than rounding a block to zero, whatever its values', () => {
    const block = fc.array(fc.float({ noNaN: true, min: -1e4, max: 1e4 }), { minLength: 32, maxLength: 32 });
    fc.assert(
      fc.property(block, fc.constantFrom(4 as const, 8 as const), (values, bits) => {
        const weights = Float32Array.from(values);
        const power = weights.reduce((sum, weight) => sum + weight * weight, 0);
        const restored = dequantize(quantize(weights, bits), bits);
        expect(squaredError(weights, restored)).toBeLessThanOrEqual(power * (1 + 1e-6));
      }),
    );
  });
});
