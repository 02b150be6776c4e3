import { MAX_MICRO_GFT, MICRO_GFT_PER_GFT, toMicroGft, type MicroGft } from '../../protocol/compute/micro-gft';
import { formats } from './language';

/** Keeps a number and its unit on one line. */
export const NARROW_SPACE = '\u202f';
const MINUS = '\u2212';

const COMPACT_FROM = 10_000_000;

/** Whole numbers with grouping; from ten million on in short form, as `12.3M`. */
export function formatCount(value: number): string {
  const { compact, grouped } = formats();
  return Math.abs(value) >= COMPACT_FROM ? compact.format(value) : grouped.format(value);
}

/** Exactly as many digits behind the decimal point. */
export function formatFixed(value: number, digits: number): string {
  return withDecimal(value.toFixed(digits));
}

/** Puts the language's decimal point into a number written without grouping. */
function withDecimal(written: string): string {
  return written.replace('.', formats().decimal);
}

interface AmountStyle {
  /** `always` puts a plus before gains. */
  readonly sign?: 'always' | 'negative';
  /** `all` writes six fraction digits, so that amounts in a column line up; else two to six. */
  readonly digits?: 'needed' | 'all';
}

/** GFT with grouping, without the unit. */
export function formatAmount(microGft: MicroGft, { sign = 'negative', digits = 'needed' }: AmountStyle = {}): string {
  // Whole numbers throughout: a division would round the largest amounts.
  const size = Math.abs(microGft);
  const rest = size % MICRO_GFT_PER_GFT;
  const fraction = String(rest).padStart(6, '0');
  const prefix = microGft < 0 ? MINUS : sign === 'always' && microGft > 0 ? '+' : '';
  const shown = digits === 'all' ? fraction : fraction.replace(/0{1,4}$/, '');
  const { grouped, decimal } = formats();
  return `${prefix}${grouped.format((size - rest) / MICRO_GFT_PER_GFT)}${decimal}${shown}`;
}

/** GFT as a coordinator writes them; an amount too large to be exact is shown as it came. */
export function formatWireAmount(gft: number, style: AmountStyle = {}): string {
  const isExact = Math.abs(gft * MICRO_GFT_PER_GFT) <= MAX_MICRO_GFT;
  return isExact ? formatAmount(toMicroGft(gft), style) : String(gft);
}

/** Numbers at an axis: three digits that matter, large ones in short form. */
export function formatTick(value: number): string {
  return value >= 10_000 ? formats().compact.format(value) : withDecimal(String(Number(value.toPrecision(3))));
}

/** Speeds: one decimal below ten, none above. */
export function formatSpeed(value: number): string {
  return value > 0 && value < 10 ? formatFixed(value, 1) : formatCount(Math.round(value));
}

/** `62 %` from 0.62, or as the language writes it. */
export function formatPercent(fraction: number): string {
  return formats().percent(String(Math.round(fraction * 100)), NARROW_SPACE);
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
  return `${withDecimal(String(Number(value.toFixed(digits))))}${NARROW_SPACE}${UNITS[unit] ?? 'B'}`;
}

/** `4-7`, or `4` for a single layer; both ends belong to it. */
export function formatLayers(start: number, end: number): string {
  return start === end ? String(start) : `${start}-${end}`;
}

/** First and last characters of an id or hash that is too long to read. */
export function shortenId(id: string): string {
  return id.length <= 12 ? id : `${id.slice(0, 4)}…${id.slice(-4)}`;
}
