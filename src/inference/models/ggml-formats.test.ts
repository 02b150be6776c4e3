import { describe, expect, it } from 'vitest';
import { dequantize } from '../shards/quantization';
import { randomNumbers } from '../testdata/random-checkpoint';
import { convertBlocks, decodeGgml, GGML_FORMATS, keepsBlocks, type GgmlFormat } from './ggml-formats';
import { halfToNumber } from './number-formats';

const random = randomNumbers(3);

function formatOf(name: GgmlFormat['name']): GgmlFormat {
  const format = GGML_FORMATS.find((known) => known.name === name);
  if (format === undefined) throw new Error(`no format ${name}`);
  return format;
}

/** Blocks of random bits with sensible half-precision scales at the given places. */
function randomBlocks(name: GgmlFormat['name'], count: number, halvesAt: readonly number[]): Uint8Array {
  const { blockBytes } = formatOf(name);
  const bytes = Uint8Array.from({ length: blockBytes * count }, () => Math.floor(random() * 256));
  for (let block = 0; block < count; block++) {
    for (const at of halvesAt) bytes[block * blockBytes + at + 1] = 0x20 + Math.floor(random() * 16);
  }
  return bytes;
}

/** Q4_K read bit by bit as its comment in ggml-common.h describes it: d, dmin, 12 bytes of scales, 128 of numbers. */
function readQ4K(block: Uint8Array): number[] {
  const half = (at: number): number => halfToNumber((block[at] ?? 0) + 256 * (block[at + 1] ?? 0));
  const scaleBytes = block.subarray(4, 16);
  const bits = (byte: number, from: number, count: number): number => ((scaleBytes[byte] ?? 0) >> from) % 2 ** count;
  return Array.from({ length: 256 }, (_, index) => {
    const group = Math.floor(index / 32);
    const scale = group < 4 ? bits(group, 0, 6) : bits(group + 4, 0, 4) + 16 * bits(group - 4, 6, 2);
    const minimum = group < 4 ? bits(group + 4, 0, 6) : bits(group + 4, 4, 4) + 16 * bits(group, 6, 2);
    const byte = block[16 + Math.floor(index / 64) * 32 + (index % 32)] ?? 0;
    const number = index % 64 < 32 ? byte % 16 : Math.floor(byte / 16);
    return half(0) * scale * number - half(2) * minimum;
  });
}

/** Q6_K: 128 bytes of lower bits, 64 of upper bits, 16 signed scales, d; written as ggml's loop walks it. */
function readQ6K(block: Uint8Array): number[] {
  const d = halfToNumber((block[208] ?? 0) + 256 * (block[209] ?? 0));
  const scales = new Int8Array(block.slice(192, 208).buffer);
  const values: number[] = Array.from({ length: 256 }, () => 0);
  for (const half of [0, 1]) {
    for (let l = 0; l < 32; l++) {
      const low = [block[half * 64 + l] ?? 0, block[half * 64 + l + 32] ?? 0] as const;
      const high = block[128 + half * 32 + l] ?? 0;
      const numbers = [
        (low[0] % 16) + 16 * (high % 4),
        (low[1] % 16) + 16 * (Math.floor(high / 4) % 4),
        Math.floor(low[0] / 16) + 16 * (Math.floor(high / 16) % 4),
        Math.floor(low[1] / 16) + 16 * Math.floor(high / 64),
      ];
      for (const [quarter, number] of numbers.entries()) {
        const scale = scales[half * 8 + Math.floor(l / 16) + 2 * quarter] ?? 0;
        values[half * 128 + quarter * 32 + l] = d * scale * (number - 32);
      }
    }
  }
  return values;
}

describe('decodeGgml', () => {
  it.each([
    ['Q4_K', [0, 2], readQ4K],
    ['Q6_K', [208], readQ6K],
  ] as const)('reads %s as its description says', (name, halvesAt, readBlock) => {
    const format = formatOf(name);
    const bytes = randomBlocks(name, 7, halvesAt);
    const expected: number[] = [];
    for (let block = 0; block < 7; block++) {
      expected.push(...readBlock(bytes.slice(block * format.blockBytes, (block + 1) * format.blockBytes)));
    }
    const values = decodeGgml(bytes, format);
    expect(values).toHaveLength(expected.length);
    expect(Math.max(...values.map((value, index) => Math.abs(value - (expected[index] ?? 0))))).toBeLessThan(1e-5);
    expect(Math.max(...values)).toBeGreaterThan(0.1);
  });

  it('reads Q8_0 and Q4_0', () => {
    // Scale 0.5 is 0x3800.
    const q8 = Uint8Array.from([0x00, 0x38, ...Array.from({ length: 32 }, (_, index) => (index - 16) & 255)]);
    expect([...decodeGgml(q8, formatOf('Q8_0'))]).toEqual(Array.from({ length: 32 }, (_, index) => (index - 16) / 2));
    const q4 = Uint8Array.from([0x00, 0x38, ...Array.from({ length: 16 }, (_, index) => index | ((15 - index) << 4))]);
    const expected = Array.from({ length: 32 }, (_, index) => ((index < 16 ? index : 31 - index) - 8) / 2);
    expect([...decodeGgml(q4, formatOf('Q4_0'))]).toEqual(expected);
  });
});

describe('convertBlocks', () => {
  it.each([
    ['Q4_0', 4],
    ['Q4_0', 8],
    ['Q8_0', 8],
  ] as const)('keeps every value of %s in %i bits', (name, bits) => {
    const bytes = randomBlocks(name, 50, [0]);
    const format = formatOf(name);
    expect(keepsBlocks(format, bits)).toBe(true);
    expect(dequantize(convertBlocks(bytes, format, bits), bits)).toEqual(decodeGgml(bytes, format));
  });

  it('says where values would be lost', () => {
    expect(keepsBlocks(formatOf('Q8_0'), 4)).toBe(false);
    expect(keepsBlocks(formatOf('Q6_K'), 8)).toBe(false);
  });
});
