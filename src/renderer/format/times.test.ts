import { beforeAll, describe, expect, it } from 'vitest';
import i18next from 'i18next';
import { startI18n } from '../i18n/i18n';
import { formatTimeLeft, formatAgo, formatDuration, formatMoment, minutesUntilMorning, secondsUntil } from './times';

const space = '\u202f';
const now = new Date(2026, 10, 22, 14, 30, 0).getTime();
const before = (ms: number): string => new Date(now - ms).toISOString();

describe('times for people', () => {
  beforeAll(() => startI18n());

  it('writes moments as short as they stay clear', () => {
    expect(formatMoment(before(3_600_000), now)).toBe('13:30');
    expect(formatMoment(new Date(2026, 10, 3, 9, 5).toISOString(), now)).toBe('3 Nov, 09:05');
    expect(formatMoment(new Date(2025, 11, 31, 23, 59).toISOString(), now)).toBe('31 Dec 2025, 23:59');
    expect(formatMoment('soon', now)).toBe('soon');
  });

  it('writes how long ago', () => {
    expect(formatAgo(i18next.t, before(5_000), now)).toBe('just now');
    expect(formatAgo(i18next.t, before(300_000), now)).toBe('5 min ago');
    expect(formatAgo(i18next.t, before(3 * 3_600_000), now)).toBe('3 h ago');
    expect(formatAgo(i18next.t, before(26 * 3_600_000), now)).toBe('21 Nov, 12:30');
  });

  it('writes durations', () => {
    expect(formatDuration(340)).toBe(`340${space}ms`);
    expect(formatDuration(1_240)).toBe(`1.2${space}s`);
    expect(formatDuration(59_990)).toBe(`1${space}min 0${space}s`);
    expect(formatDuration(125_000)).toBe(`2${space}min 5${space}s`);
  });

  it('counts down and finds the next morning', () => {
    expect(secondsUntil(before(-1_200), now)).toBe(2);
    expect(secondsUntil(before(5_000), now)).toBe(0);
    expect(minutesUntilMorning(now)).toBe(16 * 60 + 30);
    expect(minutesUntilMorning(new Date(2026, 10, 22, 6, 59, 50).getTime())).toBe(1);
  });
});

describe('formatTimeLeft', () => {
  it('counts down in the unit that matters', () => {
    expect([1, 59, 60, 61, 3_600, 12_000].map(formatTimeLeft).map((text) => text.replaceAll('\u202f', ' '))).toEqual([
      '1 s',
      '59 s',
      '1 min',
      '2 min',
      '1 h',
      '3 h 20 min',
    ]);
  });
});
