import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ACTIVATION_DTYPES } from './activation-coding';
import {
  decodeActivationFrame,
  decodeFrameHeader,
  encodeActivationFrame,
  FRAME_HEADER_BYTES,
  readdressFrame,
  STEP_PURPOSES,
  type ActivationFrame,
} from './activation-frame';
import { WIRE_LIMITS } from './limits';

const REQUEST_ID = '0190b2c4-7d3e-7a11-9c22-0123456789ab';

function frame(overrides: Partial<ActivationFrame> = {}): ActivationFrame {
  return {
    requestId: REQUEST_ID,
    hop: 1,
    step: 3,
    purpose: 'sample',
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
    step: fc.integer({ min: 0, max: WIRE_LIMITS.maxStepNumber }),
    purpose: fc.constantFrom(...STEP_PURPOSES),
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

  it('go on under another address with the same payload', () => {
    const original = encodeActivationFrame(frame({ dtype: 'int8' }));
    const requestId = 'ffffffff-0000-7a11-9c22-000000000001';
    const changes = { requestId, hop: 5, step: 65_535, purpose: 'verify' } as const;
    const decoded = decodeActivationFrame(readdressFrame(original, changes));
    const before = decodeActivationFrame(original);
    if (!decoded.ok || !before.ok) throw new Error('both decode');
    expect(decoded.value).toEqual({ ...before.value, ...changes });
    expect(before.value).toMatchObject({ requestId: REQUEST_ID, hop: 1, step: 3, purpose: 'sample' });
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
    expect(codeOf(change((_, view) => view.setUint16(6, STEP_PURPOSES.length, true)))).toBe('frame-purpose');
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
