import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { DayHours } from '../../protocol/compute/run-preferences';
import { monthOf, nextMonth, nextScheduleChange, scheduleAllows } from './schedule';

const hours = (start: number, end: number): DayHours => ({ kind: 'hours', start: start * 60, end: end * 60 });
const week = (day: DayHours): DayHours[] => Array.from({ length: 7 }, () => day);
const at = (text: string): number => Date.parse(text);

const zone = process.env['TZ'];
beforeEach(() => {
  process.env['TZ'] = 'Europe/Berlin';
});
afterEach(() => {
  process.env['TZ'] = zone;
});

describe('scheduleAllows', () => {
  it('knows hours of one day, without their end', () => {
    const plan = week(hours(9, 17));
    expect(scheduleAllows(at('2026-01-05T09:00:00+01:00'), plan)).toBe(true);
    expect(scheduleAllows(at('2026-01-05T08:59:59+01:00'), plan)).toBe(false);
    expect(scheduleAllows(at('2026-01-05T16:59:59+01:00'), plan)).toBe(true);
    expect(scheduleAllows(at('2026-01-05T17:00:00+01:00'), plan)).toBe(false);
  });

  it('lets a night belong to the day on which it begins', () => {
    // 2 January 2026 is a Friday.
    const plan = week({ kind: 'none' });
    plan[4] = hours(22, 6);
    expect(scheduleAllows(at('2026-01-02T23:00:00+01:00'), plan)).toBe(true);
    expect(scheduleAllows(at('2026-01-03T05:59:00+01:00'), plan)).toBe(true);
    expect(scheduleAllows(at('2026-01-03T06:00:00+01:00'), plan)).toBe(false);
    expect(scheduleAllows(at('2026-01-03T23:00:00+01:00'), plan)).toBe(false);
  });

  it('tells weekdays apart', () => {
    const plan = week({ kind: 'none' });
    plan[5] = { kind: 'all' };
    plan[6] = { kind: 'all' };
    expect(scheduleAllows(at('2026-01-03T00:00:00+01:00'), plan)).toBe(true);
    expect(scheduleAllows(at('2026-01-04T23:59:59+01:00'), plan)).toBe(true);
    expect(scheduleAllows(at('2026-01-05T00:00:00+01:00'), plan)).toBe(false);
  });
});

describe('nextScheduleChange', () => {
  it('finds the next edge', () => {
    const plan = week(hours(9, 17));
    expect(nextScheduleChange(at('2026-01-05T08:00:00+01:00'), plan)).toBe(at('2026-01-05T09:00:00+01:00'));
    expect(nextScheduleChange(at('2026-01-05T12:00:00+01:00'), plan)).toBe(at('2026-01-05T17:00:00+01:00'));
    expect(nextScheduleChange(at('2026-01-05T17:00:00+01:00'), plan)).toBe(at('2026-01-06T09:00:00+01:00'));
  });

  it('does not stop at edges that touch', () => {
    const plan = week({ kind: 'all' });
    expect(nextScheduleChange(at('2026-01-05T08:00:00+01:00'), plan)).toBeNull();
    plan[6] = { kind: 'none' };
    expect(nextScheduleChange(at('2026-01-05T08:00:00+01:00'), plan)).toBe(at('2026-01-11T00:00:00+01:00'));
    expect(nextScheduleChange(at('2026-01-05T08:00:00+01:00'), week({ kind: 'none' }))).toBeNull();
  });

  it('keeps to the wall clock when daylight saving begins and ends', () => {
    const plan = week(hours(9, 17));
    // On 29 March 2026 the clocks go from 02:00 to 03:00, on 25 October from 03:00 to 02:00.
    expect(nextScheduleChange(at('2026-03-28T18:00:00+01:00'), plan)).toBe(at('2026-03-29T09:00:00+02:00'));
    expect(nextScheduleChange(at('2026-10-24T18:00:00+02:00'), plan)).toBe(at('2026-10-25T09:00:00+01:00'));
  });

  it('begins after an hour that does not exist, and takes the first of an hour that comes twice', () => {
    const night = week({ kind: 'hours', start: 150, end: 300 });
    expect(scheduleAllows(at('2026-03-29T01:59:00+01:00'), night)).toBe(false);
    expect(scheduleAllows(at('2026-03-29T04:00:00+02:00'), night)).toBe(true);
    expect(nextScheduleChange(at('2026-10-25T01:00:00+02:00'), night)).toBe(at('2026-10-25T02:30:00+02:00'));
    expect(scheduleAllows(at('2026-10-25T02:30:00+01:00'), night)).toBe(true);
  });
});

describe('months', () => {
  it('follow the local calendar', () => {
    expect(monthOf(at('2026-01-31T23:30:00Z'))).toBe('2026-02');
    expect(nextMonth(at('2026-12-15T12:00:00Z'))).toBe(at('2027-01-01T00:00:00+01:00'));
  });
});
