import { BarChart } from '@mantine/charts';
import { VisuallyHidden } from '@mantine/core';
import { useReducedMotion } from '@mantine/hooks';
import { useTranslation } from 'react-i18next';
import { MICRO_GFT_PER_GFT } from '../../../protocol/compute/micro-gft';
import { formatAmount, formatTick } from '../../format/numbers';
import { formatClock, formatDay } from '../../format/times';
import type { EarningsBucket, EarningsRange } from './earnings';

interface EarningsChartProps {
  readonly buckets: readonly EarningsBucket[];
  readonly range: EarningsRange;
}

const HEIGHT_PX = 168;

/** The plot of earnings, with the same figures as a table for those who cannot see it. */
export function EarningsChart({ buckets, range }: EarningsChartProps) {
  const { t } = useTranslation();
  const still = useReducedMotion();
  const inRange = {
    day: t('dashboard.earnings.inRangeDay'),
    week: t('dashboard.earnings.inRangeWeek'),
    month: t('dashboard.earnings.inRangeMonth'),
  }[range];
  const nameOf = (startMs: number): string =>
    range === 'day' ? formatClock(new Date(startMs)) : formatDay(new Date(startMs));
  const series = t('dashboard.earnings.series');
  const peak = buckets.reduce((best, bucket) => (bucket.microGft > best.microGft ? bucket : best), {
    startMs: 0,
    microGft: 0,
  });
  const total = buckets.reduce((sum, { microGft }) => sum + microGft, 0);
  if (total === 0) return <p>{t('dashboard.earnings.nothingInRange', { range: inRange })}</p>;
  return (
    <figure style={{ margin: 0 }}>
      <div
        role="img"
        aria-label={t('dashboard.earnings.chartLabel', {
          range: inRange,
          total: formatAmount(total),
          peak: nameOf(peak.startMs),
        })}
      >
        <BarChart
          h={HEIGHT_PX}
          data={buckets.map(({ startMs, microGft }) => ({ name: nameOf(startMs), microGft }))}
          dataKey="name"
          series={[{ name: 'microGft', label: series, color: 'var(--tore-cobalt)' }]}
          valueFormatter={(microGft) => `${formatAmount(microGft)} ${t('common.gft')}`}
          yAxisProps={{ tickFormatter: (microGft: number) => formatTick(microGft / MICRO_GFT_PER_GFT), width: 68 }}
          xAxisProps={{ minTickGap: 24 }}
          barProps={{ isAnimationActive: !still, animationDuration: 180, radius: [3, 3, 0, 0] }}
          barChartProps={{ accessibilityLayer: false, margin: { top: 8, right: 0, bottom: 0, left: 0 } }}
          tooltipAnimationDuration={still ? 0 : 100}
          maxBarWidth={40}
          gridAxis="x"
          strokeDasharray="0"
          tickLine="none"
        />
      </div>
      <VisuallyHidden>
        <table>
          <caption>{t('dashboard.earnings.tableCaption', { range: inRange })}</caption>
          <thead>
            <tr>
              <th scope="col">{t('dashboard.earnings.tableTime')}</th>
              <th scope="col">{t('common.gft')}</th>
            </tr>
          </thead>
          <tbody>
            {buckets
              .filter(({ microGft }) => microGft > 0)
              .map(({ startMs, microGft }) => (
                <tr key={startMs}>
                  <td>{nameOf(startMs)}</td>
                  <td>{formatAmount(microGft)}</td>
                </tr>
              ))}
          </tbody>
        </table>
      </VisuallyHidden>
    </figure>
  );
}
