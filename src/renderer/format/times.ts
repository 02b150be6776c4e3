import type { TFunction } from 'i18next';
import { formats } from './language';
import { formatCount, formatFixed, NARROW_SPACE } from './numbers';

const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
const DAY_MS = 86_400_000;

function isSameDay(first: Date, second: Date): boolean {
  return first.toDateString() === second.toDateString();
}

/** `14:30`. */
export function formatClock(at: Date): string {
  return formats().clock.format(at);
}

/** `22 Nov`. */
export function formatDay(at: Date): string {
  return formats().day.format(at);
}

/** `Nov 2026`. */
export function formatMonth(at: Date): string {
  return formats().monthAndYear.format(at);
}

/** `22 Nov 2026`, for days that may lie in any year. */
export function formatDate(iso: string): string {
  const at = new Date(iso);
  return Number.isNaN(at.getTime()) ? iso : formats().dayAndYear.format(at);
}

/** Date and time to the second, for titles. */
export function formatExactTime(iso: string): string {
  const at = new Date(iso);
  return Number.isNaN(at.getTime()) ? iso : formats().exact.format(at);
}

/** The shortest form that is still clear: `14:30` today, `22 Nov, 14:30` this year, with the year before. */
export function formatMoment(iso: string, nowMs: number): string {
  const at = new Date(iso);
  if (Number.isNaN(at.getTime())) return iso;
  const now = new Date(nowMs);
  if (isSameDay(at, now)) return formats().clock.format(at);
  const date = at.getFullYear() === now.getFullYear() ? formats().day.format(at) : formats().dayAndYear.format(at);
  return `${date}, ${formats().clock.format(at)}`;
}

/** `just now`, `5 min ago`, `3 h ago`, else the moment. */
export function formatAgo(t: TFunction, iso: string, nowMs: number): string {
  const passedMs = nowMs - Date.parse(iso);
  if (Number.isNaN(passedMs)) return iso;
  if (passedMs < MINUTE_MS) return t('time.justNow');
  if (passedMs < HOUR_MS) return t('time.minutesAgo', { minutes: Math.floor(passedMs / MINUTE_MS) });
  if (passedMs < DAY_MS / 2) return t('time.hoursAgo', { hours: Math.floor(passedMs / HOUR_MS) });
  return formatMoment(iso, nowMs);
}

/** `340 ms`, `1.2 s`, `2 min 5 s`. */
export function formatDuration(durationMs: number): string {
  const { units } = formats();
  if (durationMs < 1_000) return `${Math.round(durationMs)}${NARROW_SPACE}${units.ms}`;
  const seconds = durationMs / 1_000;
  if (seconds < 59.95) return `${formatFixed(seconds, 1)}${NARROW_SPACE}${units.s}`;
  const whole = Math.round(seconds);
  return `${Math.floor(whole / 60)}${NARROW_SPACE}${units.min} ${whole % 60}${NARROW_SPACE}${units.s}`;
}

/** Whole seconds until a moment, never below zero. */
export function secondsUntil(iso: string, nowMs: number): number {
  return Math.max(0, Math.ceil((Date.parse(iso) - nowMs) / 1_000));
}

/** Minutes until the next morning at seven, local time, at least one. */
export function minutesUntilMorning(nowMs: number): number {
  const morning = new Date(nowMs);
  morning.setHours(7, 0, 0, 0);
  if (morning.getTime() <= nowMs) morning.setDate(morning.getDate() + 1);
  return Math.max(1, Math.round((morning.getTime() - nowMs) / MINUTE_MS));
}

/** Name of a weekday; Monday is 0. */
export function weekdayName(day: number): string {
  // 5 January 2026 is a Monday.
  return formats().weekday.format(new Date(2026, 0, 5 + day));
}

/** A countdown: `45 s`, `14 min`, `3 h 20 min`. */
export function formatTimeLeft(seconds: number): string {
  const { units } = formats();
  if (seconds < 60) return `${seconds}${NARROW_SPACE}${units.s}`;
  const minutes = Math.ceil(seconds / 60);
  if (minutes < 60) return `${minutes}${NARROW_SPACE}${units.min}`;
  const rest = minutes % 60;
  const hours = `${Math.floor(minutes / 60)}${NARROW_SPACE}${units.h}`;
  return rest === 0 ? hours : `${hours} ${rest}${NARROW_SPACE}${units.min}`;
}

/** A length of time as `45 min`, `3.5 h`. */
export function formatHours(seconds: number): string {
  const hours = seconds / 3_600;
  const { units } = formats();
  if (hours < 1) return `${Math.round(seconds / 60)}${NARROW_SPACE}${units.min}`;
  return `${hours < 10 ? formatFixed(hours, 1) : formatCount(Math.round(hours))}${NARROW_SPACE}${units.h}`;
}
