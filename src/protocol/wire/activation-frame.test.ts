import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  ACTIVATION_DTYPES,
  decodeActivationFrame,
  decodeBfloat,
  decodeFrameHeader,
  decodeHalf,
  encodeActivationFrame,
  encodeBfloat,
  encodeHalf,
  FRAME_HEADER_BYTES,
  type ActivationFrame,
} from './activation-frame';
import { WIRE_LIMITS } from './limits';

const REQUEST_ID = '0190b2c4-7d3e-7a11-9c22-0123456789ab';

function frame(overrides: Partial<ActivationFrame> = {}): ActivationFrame {
  return {
    requestId: REQUEST_ID,
    hop: 1,
    position: 7,
    positions: 2,
    hiddenSize: 3,
    dtype: 'f32',
    values: Float32Array.of(0, -1, 0.5, 1e-3, 65_504, -2.25),
    ...overrides,
  };
}

const frames = fc
  .record({
    requestId: fc.uuid(),
    hop: fc.integer({ min: 0, max: WIRE_LIMITS.maxHops - 1 }),
    position: fc.integer({ min: 0, max: 1_000_000 }),
    positions: fc.integer({ min: 1, max: 9 }),
    hiddenSize: fc.integer({ min: 1, max: 33 }),
  })
  .chain((header) =>
    fc
      .array(fc.float({ noNaN: true, noDefaultInfinity: true }), {
        minLength: header.positions * header.hiddenSize,
        maxLength: header.positions * header.hiddenSize,
      })
      .map((values): ActivationFrame => ({ ...header, dtype: 'f32', values: Float32Array.from(values) })),
  );

describe('activation frames', () => {
  it('return every f32 frame bit for bit', () => {
    fc.assert(
      fc.property(frames, (original) => {
        const decoded = decodeActivationFrame(encodeActivationFrame(original));
        expect(decoded).toEqual({ ok: true, value: original });
      }),
    );
  });

  it('are found wherever they start in a larger buffer', () => {
    const bytes = encodeActivationFrame(frame());
    const larger = new Uint8Array(bytes.length + 3);
    larger.set(bytes, 3);
    expect(decodeActivationFrame(larger.subarray(3))).toEqual({ ok: true, value: frame() });
  });

  it('keep f16 and bf16 within half a unit in the last place', () => {
    for (const [dtype, relativeError] of [
      ['f16', 2 ** -11],
      ['bf16', 2 ** -8],
    ] as const) {
      const values = Float32Array.of(1.234_567, -3.3, 0.007_1, 100.06, 2, -0.5);
      const decoded = decodeActivationFrame(encodeActivationFrame(frame({ dtype, values })));
      if (!decoded.ok) throw new Error(decoded.error.message);
      decoded.value.values.forEach((value, index) => {
        const original = values[index] ?? 0;
        expect(Math.abs(value - original)).toBeLessThanOrEqual(Math.abs(original) * relativeError);
      });
    }
  });

  it('name what is wrong with hostile bytes', () => {
    const change = (edit: (bytes: Uint8Array, view: DataView) => void): Uint8Array => {
      const bytes = encodeActivationFrame(frame());
      edit(bytes, new DataView(bytes.buffer));
      return bytes;
    };
    const codeOf = (bytes: Uint8Array): string => {
      const result = decodeActivationFrame(bytes);
      return result.ok ? 'accepted' : result.error.code;
    };
    expect(codeOf(new Uint8Array(0))).toBe('frame-too-short');
    expect(codeOf(encodeActivationFrame(frame()).subarray(0, FRAME_HEADER_BYTES - 1))).toBe('frame-too-short');
    expect(codeOf(change((bytes) => bytes.fill(0, 0, 4)))).toBe('frame-not-tore');
    expect(codeOf(change((_, view) => view.setUint8(4, 9)))).toBe('frame-version');
    expect(codeOf(change((_, view) => view.setUint8(5, ACTIVATION_DTYPES.length)))).toBe('frame-dtype');
    expect(codeOf(change((_, view) => view.setUint32(32, 0, true)))).toBe('frame-shape');
    expect(codeOf(change((_, view) => view.setUint32(32, 0xffffffff, true)))).toBe('frame-shape');
    expect(codeOf(change((_, view) => view.setUint32(36, 0xffffffff, true)))).toBe('frame-shape');
    expect(codeOf(change((_, view) => view.setUint32(28, 0xffffffff, true)))).toBe('frame-shape');
    expect(codeOf(change((_, view) => view.setUint16(24, WIRE_LIMITS.maxHops, true)))).toBe('frame-shape');
    expect(codeOf(change((_, view) => view.setUint32(32, 3, true)))).toBe('frame-length');
    expect(codeOf(encodeActivationFrame(frame()).subarray(0, FRAME_HEADER_BYTES + 4))).toBe('frame-length');
    expect(codeOf(change((_, view) => view.setFloat32(FRAME_HEADER_BYTES, Number.NaN, true)))).toBe('frame-values');
    expect(codeOf(change((_, view) => view.setFloat32(FRAME_HEADER_BYTES, Infinity, true)))).toBe('frame-values');
  });

  it('never throw on arbitrary bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        expect(typeof decodeActivationFrame(bytes).ok).toBe('boolean');
        expect(typeof decodeFrameHeader(bytes).ok).toBe('boolean');
      }),
    );
  });

  it('refuse to be built with a length that is not their shape', () => {
    expect(() => encodeActivationFrame(frame({ hiddenSize: 4 }))).toThrow(RangeError);
    expect(() => encodeActivationFrame(frame({ requestId: 'not-a-uuid' }))).toThrow(RangeError);
  });
});

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
