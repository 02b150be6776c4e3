import type { QuantizedBits, QuantizedBlocks } from '../shards/quantization';
import { decodeWeights, halfToNumber } from './number-formats';

/** A format of stored weights in GGUF files (ggml, ggml-quants.c and ggml-common.h). */
export interface GgmlFormat {
  readonly name: 'F32' | 'F16' | 'BF16' | 'Q8_0' | 'Q4_0' | 'Q4_K' | 'Q6_K';
  /** Its number in the file. */
  readonly type: number;
  readonly blockWeights: number;
  readonly blockBytes: number;
}

export const GGML_FORMATS: readonly GgmlFormat[] = [
  { name: 'F32', type: 0, blockWeights: 1, blockBytes: 4 },
  { name: 'F16', type: 1, blockWeights: 1, blockBytes: 2 },
  { name: 'Q4_0', type: 2, blockWeights: 32, blockBytes: 18 },
  { name: 'Q8_0', type: 8, blockWeights: 32, blockBytes: 34 },
  { name: 'Q4_K', type: 12, blockWeights: 256, blockBytes: 144 },
  { name: 'Q6_K', type: 14, blockWeights: 256, blockBytes: 210 },
  { name: 'BF16', type: 30, blockWeights: 1, blockBytes: 2 },
];

/** Formats that are only named, so that a refusal can say which one it met. */
const OTHER_FORMATS: Readonly<Record<number, string>> = {
  3: 'Q4_1',
  6: 'Q5_0',
  7: 'Q5_1',
  10: 'Q2_K',
  11: 'Q3_K',
  13: 'Q5_K',
  15: 'Q8_K',
  16: 'IQ2_XXS',
  17: 'IQ2_XS',
  18: 'IQ3_XXS',
  19: 'IQ1_S',
  20: 'IQ4_NL',
  21: 'IQ3_S',
  22: 'IQ2_S',
  23: 'IQ4_XS',
  39: 'MXFP4',
};

export function nameOfGgmlType(type: number): string {
  return OTHER_FORMATS[type] ?? `number ${type}`;
}

/**
 * Expands stored weights to 32-bit floats.
 *
 * @param bytes - whole blocks
 */
export function decodeGgml(bytes: Uint8Array, format: GgmlFormat): Float32Array {
  const { name, blockBytes, blockWeights } = format;
  if (name === 'F32' || name === 'F16' || name === 'BF16') return decodeWeights(bytes, name);
  const blocks = bytes.length / blockBytes;
  const values = new Float32Array(blocks * blockWeights);
  const decode = { Q8_0: decodeQ8, Q4_0: decodeQ4, Q4_K: decodeQ4K, Q6_K: decodeQ6K }[name];
  for (let block = 0; block < blocks; block++) {
    const start = block * blockWeights;
    decode(bytes.subarray(block * blockBytes, (block + 1) * blockBytes), values.subarray(start, start + blockWeights));
  }
  return values;
}

/** Whether blocks of a format can be taken over as they are where a shard holds `bits`. */
export function keepsBlocks(format: GgmlFormat, bits: QuantizedBits): boolean {
  return format.name === 'Q4_0' || (format.name === 'Q8_0' && bits === 8);
}

/**
 * The blocks of a shard for those of a file, number for number: the values stay exactly the same.
 *
 * @param format - one that `keepsBlocks` approves of
 */
export function convertBlocks(bytes: Uint8Array, format: GgmlFormat, bits: QuantizedBits): QuantizedBlocks {
  const blocks = bytes.length / format.blockBytes;
  const scales = new Float32Array(blocks);
  const numbers = new Uint8Array(blocks * 4 * bits);
  for (let block = 0; block < blocks; block++) {
    const stored = bytes.subarray(block * format.blockBytes, (block + 1) * format.blockBytes);
    scales[block] = halfAt(stored, 0);
    const target = block * 4 * bits;
    if (format.name === 'Q8_0') {
      for (let at = 0; at < 32; at++) numbers[target + at] = (stored[2 + at] ?? 0) ^ 0x80;
    } else if (bits === 4) {
      for (let pair = 0; pair < 16; pair++) {
        numbers[target + pair] = nibbleOf(stored, 2 * pair) | (nibbleOf(stored, 2 * pair + 1) << 4);
      }
    } else {
      // 4-bit numbers lie around 8, 8-bit ones around 128.
      for (let at = 0; at < 32; at++) numbers[target + at] = nibbleOf(stored, at) + 120;
    }
  }
  return { numbers, scales };
}

function halfAt(bytes: Uint8Array, offset: number): number {
  return halfToNumber((bytes[offset] ?? 0) | ((bytes[offset + 1] ?? 0) << 8));
}

function signed(byte: number | undefined): number {
  return ((byte ?? 0) << 24) >> 24;
}

/** Q4_0 keeps weights 0-15 in the lower halves of its 16 bytes, 16-31 in the upper ones. */
function nibbleOf(block: Uint8Array, index: number): number {
  const byte = block[2 + (index % 16)] ?? 0;
  return index < 16 ? byte & 15 : byte >> 4;
}

function decodeQ8(block: Uint8Array, values: Float32Array): void {
  const scale = halfAt(block, 0);
  for (let at = 0; at < 32; at++) values[at] = scale * signed(block[2 + at]);
}

function decodeQ4(block: Uint8Array, values: Float32Array): void {
  const scale = halfAt(block, 0);
  for (let at = 0; at < 32; at++) values[at] = scale * (nibbleOf(block, at) - 8);
}

/** 8 groups of 32: scale and minimum of a group have 6 bits each and share 12 bytes. */
function decodeQ4K(block: Uint8Array, values: Float32Array): void {
  const scale = halfAt(block, 0);
  const minimum = halfAt(block, 2);
  const packed = (index: number): number => block[4 + index] ?? 0;
  for (let group = 0; group < 8; group++) {
    const inFirstHalf = group < 4;
    const groupScale = inFirstHalf ? packed(group) & 63 : (packed(group + 4) & 15) | ((packed(group - 4) >> 6) << 4);
    const groupMinimum = inFirstHalf ? packed(group + 4) & 63 : (packed(group + 4) >> 4) | ((packed(group) >> 6) << 4);
    const start = 16 + (group >> 1) * 32;
    for (let at = 0; at < 32; at++) {
      const byte = block[start + at] ?? 0;
      const number = group % 2 === 0 ? byte & 15 : byte >> 4;
      values[group * 32 + at] = scale * groupScale * number - minimum * groupMinimum;
    }
  }
}

/** Two halves of 128 weights; lower 4 bits, upper 2 bits and a signed scale per 16 weights lie in three places. */
function decodeQ6K(block: Uint8Array, values: Float32Array): void {
  const scale = halfAt(block, 208);
  for (let index = 0; index < 256; index++) {
    const half = index >> 7;
    const quarter = (index >> 5) & 3;
    const at = index & 31;
    const low = block[half * 64 + (quarter & 1) * 32 + at] ?? 0;
    const high = block[128 + half * 32 + at] ?? 0;
    const number = (quarter < 2 ? low & 15 : low >> 4) | (((high >> (2 * quarter)) & 3) << 4);
    values[index] = scale * signed(block[192 + (index >> 4)]) * (number - 32);
  }
}
