import { formatGft, type MicroGft } from '../../protocol/compute/micro-gft';

/** Numbers are written in this way until another language is chosen. */
const LOCALE = 'en';

/** Keeps a number and its unit on one line. */
export const NARROW_SPACE = '\u202f';
const MINUS = '\u2212';

const grouped = new Intl.NumberFormat(LOCALE, { maximumFractionDigits: 0 });
const compact = new Intl.NumberFormat(LOCALE, { notation: 'compact', maximumFractionDigits: 1 });
const COMPACT_FROM = 10_000_000;

/** Whole numbers with grouping; from ten million on in short form, as `12.3M`. */
export function formatCount(value: number): string {
  return Math.abs(value) >= COMPACT_FROM ? compact.format(value) : grouped.format(value);
}

/** GFT with grouping and two to six fraction digits, without the unit; `sign` puts a plus before gains. */
export function formatAmount(microGft: MicroGft, sign: 'always' | 'negative' = 'negative'): string {
  const [whole = '0', fraction = '00'] = formatGft(Math.abs(microGft)).split('.');
  const prefix = microGft < 0 ? MINUS : sign === 'always' && microGft > 0 ? '+' : '';
  return `${prefix}${grouped.format(Number(whole))}.${fraction}`;
}

/** Speeds: one decimal below ten, none above. */
export function formatSpeed(value: number): string {
  return value > 0 && value < 10 ? value.toFixed(1) : formatCount(Math.round(value));
}

/** `62 %` from 0.62. */
export function formatPercent(fraction: number): string {
  return `${Math.round(fraction * 100)}${NARROW_SPACE}%`;
}

const UNITS = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'] as const;

/** Memory in the units operating systems show, in steps of 1,024. */
export function formatBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 1_023.5 && unit < UNITS.length - 1) {
    value /= 1_024;
    unit += 1;
  }
  const digits = unit === 0 || value >= 100 ? 0 : value >= 10 ? 1 : 2;
  return `${Number(value.toFixed(digits))}${NARROW_SPACE}${UNITS[unit] ?? 'B'}`;
}

/** `4-7`, or `4` for a single layer; both ends belong to it. */
export function formatLayers(start: number, end: number): string {
  return start === end ? String(start) : `${start}-${end}`;
}

/** First and last characters of an id or hash that is too long to read. */
export function shortenId(id: string): string {
  return id.length <= 12 ? id : `${id.slice(0, 4)}…${id.slice(-4)}`;
}
