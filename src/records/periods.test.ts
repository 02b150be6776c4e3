import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { localDay, spanAt, spansOf, startOfDay, startOfHour, streakOf } from './periods';

const HOUR_MS = 3_600_000;

describe('periods where clocks change', () => {
  const zone = process.env['TZ'];
  beforeEach(() => {
    process.env['TZ'] = 'Europe/Berlin';
  });
  afterEach(() => {
    if (zone === undefined) delete process.env['TZ'];
    else process.env['TZ'] = zone;
  });

  it('keep the hour that comes twice apart', () => {
    // On 25 October 2026 clocks go from 03:00 back to 02:00.
    const first = Date.parse('2026-10-25T00:30:00Z');
    const second = Date.parse('2026-10-25T01:30:00Z');
    expect(new Date(first).getHours()).toBe(new Date(second).getHours());
    expect(startOfHour(second) - startOfHour(first)).toBe(HOUR_MS);
    expect(localDay(first)).toBe('2026-10-25');
  });

  it('give days of 23 and 25 hours, and 24 hours whatever happens', () => {
    const lengths = (nowMs: number): number[] =>
      spansOf('week', nowMs).current.map(({ startMs, endMs }) => (endMs - startMs) / HOUR_MS);
    expect(lengths(Date.parse('2026-10-25T12:00:00Z')).at(-1)).toBe(25);
    expect(lengths(Date.parse('2026-03-29T12:00:00Z')).at(-1)).toBe(23);
    const hours = spansOf('day', Date.parse('2026-10-25T12:00:00Z'));
    expect([...hours.previous, ...hours.current].every(({ startMs, endMs }) => endMs - startMs === HOUR_MS)).toBe(true);
  });

  it('leave no gap and find every moment', () => {
    for (const range of ['day', 'week', 'month', 'quarter', 'year'] as const) {
      const now = Date.parse('2026-04-02T10:17:00Z');
      const { previous, current } = spansOf(range, now);
      const spans = [...previous, ...current];
      spans.slice(1).forEach((span, index) => expect(span.startMs).toBe(spans[index]?.endMs));
      spans.forEach((span, index) => {
        expect(spanAt(spans, span.startMs)).toBe(index);
        expect(spanAt(spans, span.endMs - 1)).toBe(index);
      });
      expect(spanAt(spans, now)).toBe(spans.length - 1);
      expect(spanAt(spans, (spans[0]?.startMs ?? 0) - 1)).toBe(-1);
      expect(spanAt(spans, spans.at(-1)?.endMs ?? 0)).toBe(-1);
    }
  });

  it('in a half-hour zone begin hours on its own clock', () => {
    process.env['TZ'] = 'Asia/Kolkata';
    const at = Date.parse('2026-02-03T10:45:00Z');
    expect(new Date(startOfHour(at)).getMinutes()).toBe(0);
    expect(at - startOfHour(at)).toBe(15 * 60_000);
    expect(new Date(startOfDay('2026-02-03')).getHours()).toBe(0);
  });
});

describe('a streak', () => {
  const now = new Date(2026, 2, 3, 0, 30).getTime();

  it('counts days in a row, over the end of a month', () => {
    expect(streakOf(new Set(['2026-03-03', '2026-03-02', '2026-03-01', '2026-02-28', '2026-02-26']), now)).toBe(4);
  });

  it('is not broken before the day is over', () => {
    expect(streakOf(new Set(['2026-03-02', '2026-03-01']), now)).toBe(2);
    expect(streakOf(new Set(['2026-03-01']), now)).toBe(0);
  });
});
