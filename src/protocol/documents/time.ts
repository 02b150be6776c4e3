import type { Path, ProblemList } from './problems';

const DAYS_IN_MONTH = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

function daysInMonth(year: number, month: number): number {
  const leap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  return month === 2 && leap ? 29 : (DAYS_IN_MONTH[month - 1] ?? 0);
}

/** Whether the day of a time exists. The form is the schema's business. */
function isRealDay(time: string): boolean {
  const [year = 0, month = 0, day = 0] = time.slice(0, 10).split('-').map(Number);
  return day <= daysInMonth(year, month);
}

/** Milliseconds since 1970 of a time that fits the schema. A leap second counts as the second before it. */
export function toEpochMs(time: string): number {
  return Date.parse(time.toUpperCase().replace(/:60(?=[.Z+-])/, ':59'));
}

/** Adds a problem when a time that fits the schema names a day that does not exist. Absent times are fine. */
export function checkTime(time: string | null | undefined, path: Path, problems: ProblemList): void {
  if (typeof time === 'string' && !isRealDay(time)) problems.add(path, `The day ${time.slice(0, 10)} does not exist.`);
}

/** Adds a problem when the second of two times lies before the first, or at it. */
export function checkAfter(
  earlier: string,
  later: string | null | undefined,
  path: Path,
  message: string,
  problems: ProblemList,
): void {
  if (typeof later === 'string' && toEpochMs(later) <= toEpochMs(earlier)) problems.add(path, message);
}
