import type { StatisticsRange } from '../contract/records';

const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;

const twoDigits = (value: number): string => String(value).padStart(2, '0');

/** The local calendar day of a moment, as `2026-02-03`. */
export function localDay(atMs: number): string {
  const at = new Date(atMs);
  return `${String(at.getFullYear()).padStart(4, '0')}-${twoDigits(at.getMonth() + 1)}-${twoDigits(at.getDate())}`;
}

/** When a local day begins; where clocks go forward at midnight, its first moment. */
export function startOfDay(day: string): number {
  const [year = 1970, month = 1, date = 1] = day.split('-').map(Number);
  return new Date(year, month - 1, date).getTime();
}

/**
 * When the clock hour of a moment began. Counted with the offset of that moment: setting minutes to zero would take the
 * hour that comes twice in autumn for its first turn.
 */
export function startOfHour(atMs: number): number {
  const offsetMs = new Date(atMs).getTimezoneOffset() * MINUTE_MS;
  return Math.floor((atMs - offsetMs) / HOUR_MS) * HOUR_MS + offsetMs;
}

/** A stretch of time, its end not included. */
export interface Span {
  readonly startMs: number;
  readonly endMs: number;
}

/** Buckets of a plot: so many hours, days, weeks or months. */
const LENGTHS: Readonly<Record<StatisticsRange, number>> = { day: 24, week: 7, month: 30, quarter: 13, year: 12 };

/** Start of the bucket that is `steps` after the one of `nowMs`, by the local calendar. */
function bucketStart(range: StatisticsRange, nowMs: number, steps: number): number {
  const now = new Date(nowMs);
  const [year, month, date] = [now.getFullYear(), now.getMonth(), now.getDate()];
  switch (range) {
    case 'day':
      return startOfHour(nowMs) + steps * HOUR_MS;
    case 'week':
    case 'month':
      return new Date(year, month, date + steps).getTime();
    case 'quarter':
      // Weeks begin on Monday (ISO 8601).
      return new Date(year, month, date - ((now.getDay() + 6) % 7) + 7 * steps).getTime();
    case 'year':
      return new Date(year, month + steps, 1).getTime();
  }
}

/** The buckets of a range up to now, and as many before them; oldest first. */
export function spansOf(
  range: StatisticsRange,
  nowMs: number,
): { readonly current: readonly Span[]; readonly previous: readonly Span[] } {
  const count = LENGTHS[range];
  const spans = Array.from({ length: 2 * count }, (_, index): Span => {
    const step = index - 2 * count + 1;
    return { startMs: bucketStart(range, nowMs, step), endMs: bucketStart(range, nowMs, step + 1) };
  });
  return { previous: spans.slice(0, count), current: spans.slice(count) };
}

/** Index of the span that holds a moment, or -1. The spans follow each other without gaps. */
export function spanAt(spans: readonly Span[], atMs: number): number {
  let low = 0;
  let high = spans.length - 1;
  while (low <= high) {
    const middle = (low + high) >> 1;
    const span = spans[middle];
    if (span === undefined) return -1;
    if (atMs < span.startMs) high = middle - 1;
    else if (atMs >= span.endMs) low = middle + 1;
    else return middle;
  }
  return -1;
}

/** The days in a row up to today, or up to yesterday when today has nothing yet. */
export function streakOf(days: ReadonlySet<string>, nowMs: number): number {
  const now = new Date(nowMs);
  const dayBefore = (steps: number): string =>
    localDay(new Date(now.getFullYear(), now.getMonth(), now.getDate() - steps, 12).getTime());
  const first = days.has(dayBefore(0)) ? 0 : 1;
  let length = 0;
  while (days.has(dayBefore(first + length))) length += 1;
  return length;
}
