import { describe, expect, it } from 'vitest';
import { isAvailableAt, isHardwareChange } from './node-standing';

const at = (clock: string): number => Date.parse(`2026-01-01T${clock}:00Z`);

describe('isAvailableAt', () => {
  it('knows hours within a day and across midnight', () => {
    const day = { availability_start: '08:00', availability_end: '18:00' };
    const night = { availability_start: '22:00', availability_end: '06:00' };
    expect(['07:59', '08:00', '17:59', '18:00'].map((time) => isAvailableAt(day, at(time)))).toEqual([
      false,
      true,
      true,
      false,
    ]);
    expect(['21:59', '22:00', '03:00', '06:00'].map((time) => isAvailableAt(night, at(time)))).toEqual([
      false,
      true,
      true,
      false,
    ]);
    expect(isAvailableAt({ availability_start: null, availability_end: null }, at('12:00'))).toBe(true);
  });
});

describe('isHardwareChange', () => {
  it('tells other hardware from another run of the benchmark', () => {
    const before = { fingerprint: 'a', multiplier: 1 };
    expect(isHardwareChange(before, { fingerprint: 'a', multiplier: 1.05 })).toBe(false);
    expect(isHardwareChange(before, { fingerprint: 'a', multiplier: 0.9 })).toBe(true);
    expect(isHardwareChange(before, { fingerprint: 'b', multiplier: 1 })).toBe(true);
  });
});
