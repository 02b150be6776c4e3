import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatGft, MAX_MICRO_GFT, toMicroGft, toWireGft } from './micro-gft';

describe('micro-GFT', () => {
  it('survive the wire', () => {
    fc.assert(
      fc.property(fc.integer({ min: -1_000_000_000_000, max: 1_000_000_000_000 }), (microGft) => {
        expect(toMicroGft(toWireGft(microGft))).toBe(microGft);
      }),
    );
  });

  it('round half to even, without a negative zero', () => {
    expect(toMicroGft(0.000_000_5)).toBe(0);
    expect(toMicroGft(0.000_001_5)).toBe(2);
    expect(Object.is(toMicroGft(-0.000_000_1), 0)).toBe(true);
    expect(toMicroGft(10.799_999_999_999_999)).toBe(10_800_000);
  });

  it('refuse amounts that would not stay exact', () => {
    expect(() => toMicroGft(Number.NaN)).toThrow(RangeError);
    expect(() => toMicroGft(MAX_MICRO_GFT)).toThrow(RangeError);
  });

  it('print between two and six fraction digits', () => {
    expect(formatGft(10_000_000)).toBe('10.00');
    expect(formatGft(341)).toBe('0.000341');
    expect(formatGft(1_250_000)).toBe('1.25');
    expect(formatGft(-1_234_500)).toBe('-1.2345');
    expect(formatGft(MAX_MICRO_GFT)).toBe('9007199254.740991');
    expect(formatGft(0)).toBe('0.00');
  });
});
