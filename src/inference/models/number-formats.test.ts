import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeWeights, halfToNumber } from './number-formats';

describe('halfToNumber', () => {
  // IEEE 754-2008, binary16.
  it.each([
    [0x0000, 0],
    [0x0001, 2 ** -24],
    [0x03ff, 2 ** -14 - 2 ** -24],
    [0x0400, 2 ** -14],
    [0x3555, 0.333251953125],
    [0x3c00, 1],
    [0xc000, -2],
    [0x7bff, 65_504],
    [0x7c00, Number.POSITIVE_INFINITY],
    [0xfc00, Number.NEGATIVE_INFINITY],
    [0x7e00, Number.NaN],
  ])('reads %i as %d', (bits, value) => {
    expect(halfToNumber(bits)).toBe(value);
  });

  it('keeps the sign of zero', () => {
    expect(Object.is(halfToNumber(0x8000), -0)).toBe(true);
  });
});

describe('decodeWeights', () => {
  it('reads little-endian 32-bit floats at any offset', () => {
    fc.assert(
      fc.property(fc.float32Array(), fc.integer({ min: 0, max: 3 }), (values, shift) => {
        const bytes = new Uint8Array(shift + values.byteLength);
        const view = new DataView(bytes.buffer);
        for (const [index, value] of values.entries()) view.setFloat32(shift + index * 4, value, true);
        expect(decodeWeights(bytes.subarray(shift), 'F32')).toEqual(values);
      }),
    );
  });

  it('reads bfloat16 as the upper half of a 32-bit float', () => {
    const bytes = Uint8Array.of(0x80, 0x3f, 0x49, 0x40, 0x00, 0xc0);
    expect([...decodeWeights(bytes, 'BF16')]).toEqual([1, 3.140625, -2]);
  });

  it('reads 16-bit floats', () => {
    expect([...decodeWeights(Uint8Array.of(0x00, 0x3c, 0xff, 0x7b), 'F16')]).toEqual([1, 65_504]);
  });
});
