import type { TFunction } from 'i18next';
import type { StatisticsRange } from '../../../contract';
import { MICRO_GFT_PER_GFT } from '../../../protocol/compute/micro-gft';
import { formats } from '../../format/language';
import { formatAmount, formatCount, formatFixed, formatPercent, formatTick, NARROW_SPACE } from '../../format/numbers';
import { formatClock, formatDay, formatHours, formatMonth } from '../../format/times';
import type { Metric } from './metrics';

const PREFIXES = ['', 'k', 'M', 'G', 'T', 'P', 'E', 'Z'] as const;

/** A large number with the prefix of its size: `12.3 T`, `840 M`. */
function withPrefix(value: number): string {
  let size = value;
  let place = 0;
  while (size >= 999.5 && place < PREFIXES.length - 1) {
    size /= 1_000;
    place += 1;
  }
  return `${formatTick(size)}${NARROW_SPACE}${PREFIXES[place] ?? ''}`;
}

/** A figure with its unit; a dash where there is none. */
export function metricText(t: TFunction, metric: Metric, value: number | null): string {
  if (value === null) return '–';
  switch (metric) {
    case 'earned':
      return `${formatAmount(Math.round(value * MICRO_GFT_PER_GFT))} ${t('common.gft')}`;
    case 'requests':
      return formatCount(value);
    case 'flops':
      return t('statistics.unit.flop', { amount: withPrefix(value) });
    case 'uptime':
      return formatHours(value * 3_600);
    case 'energy':
      return value >= 1_000
        ? t('statistics.unit.kilowattHours', { amount: formatTick(value / 1_000) })
        : t('statistics.unit.wattHours', { amount: formatTick(value) });
    case 'reliability':
      return formatFixed(value, 2);
    case 'renewable':
      return formatPercent(value);
  }
}

/**
 * A figure at the axis, short.
 * @param factor - of `plotFactor`, by which the figure was multiplied
 */
export function metricTick(metric: Metric, value: number, factor: number): string {
  if (metric === 'renewable') return formatPercent(value);
  if (metric === 'uptime') {
    const { units } = formats();
    return `${formatTick(value)}${NARROW_SPACE}${factor === 1 ? units.h : units.min}`;
  }
  return metric === 'flops' ? withPrefix(value) : formatTick(value);
}

/** Name of a bucket at the axis. */
export function bucketName(range: StatisticsRange, startMs: number): string {
  const start = new Date(startMs);
  if (range === 'day') return formatClock(start);
  return range === 'year' ? formatMonth(start) : formatDay(start);
}
