/** Weights that share one scale; the block size of MatMulNBits with the fastest kernels, and of GGUF's Q4_0 and Q8_0. */
export const BLOCK_WEIGHTS = 32;

export type QuantizedBits = 4 | 8;

/**
 * Weights as small integers. A weight is (stored number − zero point) × scale of its block; without zero points the
 * stored numbers lie around the middle, 8 or 128. Two 4-bit numbers share a byte, the first in its lower half.
 */
export interface QuantizedBlocks {
  /** `[blocks, 32 × bits / 8]` */
  readonly numbers: Uint8Array;
  /** `[blocks]` */
  readonly scales: Float32Array;
}

/**
 * Steps between the largest weight and zero that are tried for a block, 4 bits: fewer steps clip the largest weights and
 * make room for precision among the many small ones.
 */
const STEPS_TRIED_4 = [8, 7.1, 7.5, 8.4, 8.8, 6.7, 9.3, 6.2] as const;
const STEPS_TRIED_8 = [128, 127] as const;

/**
 * Quantizes blocks of 32 weights so that the squared error is small. Each way to scale a block is rounded, then given
 * the scale that is best for those roundings (least squares: Σ weight × number / Σ number²), and the best way is kept.
 *
 * @param weights - a multiple of 32
 */
export function quantize(weights: Float32Array, bits: QuantizedBits): QuantizedBlocks {
  if (weights.length % BLOCK_WEIGHTS !== 0) throw new Error('weights are quantized in whole blocks');
  const blocks = weights.length / BLOCK_WEIGHTS;
  const numbers = new Uint8Array((weights.length * bits) / 8);
  const scales = new Float32Array(blocks);
  const middle = bits === 4 ? 8 : 128;
  const tried = bits === 4 ? STEPS_TRIED_4 : STEPS_TRIED_8;
  const rounded = new Uint8Array(BLOCK_WEIGHTS);
  for (let block = 0; block < blocks; block++) {
    const start = block * BLOCK_WEIGHTS;
    const extreme = findExtreme(weights, start);
    let bestGain = -1;
    let bestInverse = 0;
    if (extreme !== 0) {
      for (const steps of tried) {
        // The extreme weight goes to the negative end, which reaches one step further than the positive one.
        const inverse = -steps / extreme;
        const gain = measureGain(weights, start, inverse, middle);
        if (gain > bestGain) {
          bestGain = gain;
          bestInverse = inverse;
        }
      }
    }
    scales[block] = roundBlock(weights, start, bestInverse, middle, rounded);
    pack(rounded, numbers, (start * bits) / 8, bits);
  }
  return { numbers, scales };
}

/** The weights that quantized blocks stand for. */
export function dequantize({ numbers, scales }: QuantizedBlocks, bits: QuantizedBits): Float32Array {
  const weights = new Float32Array(scales.length * BLOCK_WEIGHTS);
  for (let index = 0; index < weights.length; index++) {
    const byte = numbers[bits === 4 ? index >> 1 : index] ?? 0;
    const number = bits === 8 ? byte - 128 : (index % 2 === 0 ? byte & 15 : byte >> 4) - 8;
    weights[index] = number * (scales[Math.floor(index / BLOCK_WEIGHTS)] ?? 0);
  }
  return weights;
}

/** The weight farthest from zero, with its sign. */
function findExtreme(weights: Float32Array, start: number): number {
  let extreme = 0;
  let largest = 0;
  for (let index = start; index < start + BLOCK_WEIGHTS; index++) {
    const weight = weights[index] ?? 0;
    const size = Math.abs(weight);
    if (size > largest) {
      largest = size;
      extreme = weight;
    }
  }
  return extreme;
}

/** Squared error that a way of rounding saves against rounding all to zero, with the scale that is best for it. */
function measureGain(weights: Float32Array, start: number, inverse: number, middle: number): number {
  let product = 0;
  let squares = 0;
  const top = 2 * middle - 1;
  for (let index = start; index < start + BLOCK_WEIGHTS; index++) {
    const weight = weights[index] ?? 0;
    let stored = (weight * inverse + middle + 0.5) | 0;
    if (stored < 0) stored = 0;
    else if (stored > top) stored = top;
    const number = stored - middle;
    product += weight * number;
    squares += number * number;
  }
  return squares === 0 ? 0 : (product * product) / squares;
}

/** Rounds a block and returns its scale. */
function roundBlock(
  weights: Float32Array,
  start: number,
  inverse: number,
  middle: number,
  rounded: Uint8Array,
): number {
  let product = 0;
  let squares = 0;
  const top = 2 * middle - 1;
  for (let at = 0; at < BLOCK_WEIGHTS; at++) {
    const weight = weights[start + at] ?? 0;
    const stored = Math.min(top, Math.max(0, (weight * inverse + middle + 0.5) | 0));
    rounded[at] = stored;
    product += weight * (stored - middle);
    squares += (stored - middle) * (stored - middle);
  }
  return squares === 0 ? 0 : product / squares;
}

function pack(rounded: Uint8Array, numbers: Uint8Array, offset: number, bits: QuantizedBits): void {
  if (bits === 8) {
    numbers.set(rounded, offset);
    return;
  }
  for (let pair = 0; pair < BLOCK_WEIGHTS / 2; pair++) {
    numbers[offset + pair] = (rounded[2 * pair] ?? 0) | ((rounded[2 * pair + 1] ?? 0) << 4);
  }
}
