import { MINUTES_PER_DAY, type DayHours } from '../../protocol/compute/run-preferences';

/** A week and a day: every window of a weekly plan has begun by then. */
const DAYS_AHEAD = 8;

/** Monday is 0. */
function weekdayOf(at: Date): number {
  return (at.getDay() + 6) % 7;
}

/**
 * The windows that begin on a day, as points in time. Local wall-clock times are turned into points by the system's
 * time zone: where daylight saving skips an hour, a window that begins in it begins right after; where an hour comes
 * twice, the first one counts as start and as end.
 */
function windowOn(
  day: Date,
  schedule: readonly DayHours[],
): { readonly startMs: number; readonly endMs: number } | null {
  const hours = schedule[weekdayOf(day)];
  if (hours === undefined || hours.kind === 'none') return null;
  const at = (minute: number): number =>
    new Date(day.getFullYear(), day.getMonth(), day.getDate(), 0, minute).getTime();
  if (hours.kind === 'all') return { startMs: at(0), endMs: at(MINUTES_PER_DAY) };
  const endsNextDay = hours.end <= hours.start;
  return { startMs: at(hours.start), endMs: at(hours.end + (endsNextDay ? MINUTES_PER_DAY : 0)) };
}

function dayFrom(nowMs: number, offset: number): Date {
  const now = new Date(nowMs);
  // Noon exists on every day, whatever daylight saving does.
  return new Date(now.getFullYear(), now.getMonth(), now.getDate() + offset, 12);
}

/** Whether a weekly plan, Monday first, allows work at a point in time. A window of the evening before may still last. */
export function scheduleAllows(nowMs: number, schedule: readonly DayHours[]): boolean {
  return [-1, 0].some((offset) => {
    const window = windowOn(dayFrom(nowMs, offset), schedule);
    return window !== null && nowMs >= window.startMs && nowMs < window.endMs;
  });
}

/** The next point in time at which the plan's answer changes, or null when it never does. */
export function nextScheduleChange(nowMs: number, schedule: readonly DayHours[]): number | null {
  const allowed = scheduleAllows(nowMs, schedule);
  const edges: number[] = [];
  for (let offset = -1; offset <= DAYS_AHEAD; offset += 1) {
    const window = windowOn(dayFrom(nowMs, offset), schedule);
    if (window !== null) edges.push(window.startMs, window.endMs);
  }
  const changes = edges
    .filter((edgeMs) => edgeMs > nowMs && scheduleAllows(edgeMs, schedule) !== allowed)
    .toSorted((one, other) => one - other);
  return changes[0] ?? null;
}

/** First moment of the next calendar month, local time. */
export function nextMonth(nowMs: number): number {
  const now = new Date(nowMs);
  return new Date(now.getFullYear(), now.getMonth() + 1, 1).getTime();
}

/** Calendar month of a point in time, as `2026-02`, local time. */
export function monthOf(nowMs: number): string {
  const now = new Date(nowMs);
  return `${now.getFullYear()}-${String(now.getMonth() + 1).padStart(2, '0')}`;
}
