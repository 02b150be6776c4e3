import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  ACTIVATION_DTYPES,
  codingError,
  decodeBfloat,
  decodeHalf,
  decodePayload,
  encodeBfloat,
  encodeHalf,
  encodePayload,
  INT8_BLOCK,
  payloadByteLength,
  type ActivationDtype,
} from './activation-coding';

function throughTheWire(values: Float32Array, hiddenSize: number, dtype: ActivationDtype): Float32Array {
  const payload = new Uint8Array(payloadByteLength(values.length / hiddenSize, hiddenSize, dtype));
  encodePayload(values, hiddenSize, dtype, payload);
  return decodePayload(payload, values.length, hiddenSize, dtype);
}

const activations = fc
  .record({ rows: fc.integer({ min: 1, max: 5 }), hiddenSize: fc.integer({ min: 1, max: 80 }) })
  .chain(({ rows, hiddenSize }) =>
    fc.record({
      hiddenSize: fc.constant(hiddenSize),
      values: fc
        .array(fc.float({ noNaN: true, noDefaultInfinity: true, min: -50_000, max: 50_000 }), {
          minLength: rows * hiddenSize,
          maxLength: rows * hiddenSize,
        })
        .map((list) => Float32Array.from(list)),
    }),
  );

describe('half and bfloat16', () => {
  it('decode and encode all 65,536 bit patterns to themselves', () => {
    const changed: number[] = [];
    for (let bits = 0; bits < 65_536; bits += 1) {
      const half = decodeHalf(bits);
      const bfloat = decodeBfloat(bits);
      if (!Number.isNaN(half) && encodeHalf(half) !== bits) changed.push(bits);
      if (!Number.isNaN(bfloat) && encodeBfloat(bfloat) !== bits) changed.push(bits);
    }
    expect(changed).toEqual([]);
  });

  it('agree with values worked out by hand', () => {
    expect(encodeHalf(1)).toBe(0x3c00);
    expect(encodeHalf(-2)).toBe(0xc000);
    expect(encodeHalf(65_504)).toBe(0x7bff);
    expect(encodeHalf(65_520)).toBe(0x7c00);
    expect(encodeHalf(65_519.996)).toBe(0x7bff);
    expect(encodeHalf(2 ** -24)).toBe(0x0001);
    expect(encodeHalf(2 ** -25)).toBe(0x0000);
    expect(encodeHalf(1 + 2 ** -11)).toBe(0x3c00);
    expect(encodeHalf(1 + 3 * 2 ** -11)).toBe(0x3c02);
    expect(encodeBfloat(1)).toBe(0x3f80);
    expect(encodeBfloat(1 + 2 ** -8)).toBe(0x3f80);
    expect(encodeBfloat(1 + 3 * 2 ** -8)).toBe(0x3f82);
  });

  it('round to the nearest neighbour', () => {
    fc.assert(
      fc.property(fc.float({ noNaN: true, min: -60_000, max: 60_000 }), (value) => {
        const bits = encodeHalf(value);
        const error = Math.abs(decodeHalf(bits) - value);
        for (const neighbour of [bits - 1, bits + 1]) {
          if ((neighbour & 0x8000) === (bits & 0x8000) && (neighbour & 0x7c00) !== 0x7c00 && neighbour >= 0) {
            expect(error).toBeLessThanOrEqual(Math.abs(decodeHalf(neighbour) - value));
          }
        }
      }),
    );
  });
});

describe('blocks of int8', () => {
  it('lose at most half a step of their own block', () => {
    fc.assert(
      fc.property(activations, ({ hiddenSize, values }) => {
        const returned = throughTheWire(values, hiddenSize, 'int8');
        for (let row = 0; row < values.length; row += hiddenSize) {
          for (let start = row; start < row + hiddenSize; start += INT8_BLOCK) {
            const end = Math.min(start + INT8_BLOCK, row + hiddenSize);
            const block = values.subarray(start, end);
            const largest = block.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
            // Half a step of largest / 127, and what rounding the scale itself to f32 may add over 127 steps.
            const allowed = largest / 254 + largest * 2 ** -22 + Number.MIN_VALUE + 2 ** -149 * 127;
            for (let index = start; index < end; index += 1) {
              expect(Math.abs((returned[index] ?? 0) - (values[index] ?? 0))).toBeLessThanOrEqual(allowed);
            }
          }
        }
      }),
    );
  });

  it('have the bytes worked out by hand', () => {
    const payload = new Uint8Array(payloadByteLength(1, 3, 'int8'));
    encodePayload(Float32Array.of(127, -63.6, 0.4), 3, 'int8', payload);
    // Scale 1 as a little-endian f32, then 127, −64 and 0.
    expect([...payload]).toEqual([0, 0, 0x80, 0x3f, 127, 0xc0, 0]);
    expect(payloadByteLength(2, 65, 'int8')).toBe(2 * (65 + 3 * 4));
  });

  it('keep the blocks of a row to the row', () => {
    const values = new Float32Array(2 * 33).fill(1);
    values[33] = 1_000;
    const returned = throughTheWire(values, 33, 'int8');
    expect(returned[32]).toBe(1);
    expect(returned[33]).toBeCloseTo(1_000, 3);
  });

  it('read any bytes without throwing', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...ACTIVATION_DTYPES),
        fc.integer({ min: 1, max: 40 }),
        fc.nat(),
        (dtype, width, seed) => {
          const payload = Uint8Array.from(
            { length: payloadByteLength(2, width, dtype) },
            (_, at) => (seed * 31 + at * 97) & 255,
          );
          expect(decodePayload(payload, 2 * width, width, dtype)).toHaveLength(2 * width);
        },
      ),
    );
  });
});

describe('the measured error', () => {
  it('is nothing for f32, and grows as the bytes shrink', () => {
    const values = Float32Array.from({ length: 4 * 256 }, (_, index) => Math.sin(index * 1.7) * (1 + (index % 7)));
    const errors = ACTIVATION_DTYPES.map((dtype) => codingError(values, 256, dtype).relative);
    expect(errors[0]).toBe(0);
    expect(errors[1]).toBeLessThan(2 ** -11);
    expect(errors[2]).toBeLessThan(2 ** -8);
    expect(errors[3]).toBeLessThan(0.01);
    expect(errors[1]).toBeLessThan(errors[2] ?? 0);
    expect(codingError(new Float32Array(8), 8, 'int8')).toEqual({ largest: 0, relative: 0 });
  });
});
