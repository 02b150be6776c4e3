import { BarChart } from '@mantine/charts';
import { Table, VisuallyHidden } from '@mantine/core';
import { useReducedMotion } from '@mantine/hooks';
import { useTranslation } from 'react-i18next';
import type { StatisticsView } from '../../../contract';
import { bucketName, metricText, metricTick } from './metric-text';
import { metricValue, plotFactor, type Metric } from './metrics';
import classes from './Statistics.module.css';

interface StatisticsChartProps {
  readonly view: StatisticsView;
  readonly metric: Metric;
  readonly compared: boolean;
  /** The table stands in sight; else it is there for screen readers. */
  readonly asTable: boolean;
}

const HEIGHT_PX = 220;

/** One figure over time, beside the time before, and the same as a table. */
export function StatisticsChart({ view, metric, compared, asTable }: StatisticsChartProps) {
  const { t } = useTranslation();
  const still = useReducedMotion();
  const rows = view.buckets.map((bucket, index) => {
    const before = view.previous[index];
    return {
      startMs: bucket.startMs,
      name: bucketName(view.range, bucket.startMs),
      now: metricValue(metric, bucket),
      before: before === undefined ? null : metricValue(metric, before),
    };
  });
  const title = t(`statistics.metric.${metric}`);
  const best = rows.reduce(
    (top, row) => ((row.now ?? 0) > (top.now ?? 0) ? row : top),
    rows[0] ?? { name: '', now: 0 },
  );
  const largest = Math.max(0, ...rows.flatMap(({ now, before }) => [now ?? 0, compared ? (before ?? 0) : 0]));
  const factor = plotFactor(metric, largest);
  const table = (
    <Table verticalSpacing={4} className={classes.table ?? ''}>
      <Table.Caption>
        {t('statistics.tableCaption', { metric: title, range: t(`statistics.in.${view.range}`) })}
      </Table.Caption>
      <Table.Thead>
        <Table.Tr>
          <Table.Th scope="col">{t('statistics.tableTime')}</Table.Th>
          <Table.Th scope="col">{t('statistics.thisPeriod')}</Table.Th>
          <Table.Th scope="col">{t('statistics.lastPeriod')}</Table.Th>
        </Table.Tr>
      </Table.Thead>
      <Table.Tbody>
        {rows.map((row) => (
          <Table.Tr key={row.startMs}>
            <Table.Td>{row.name}</Table.Td>
            <Table.Td>{metricText(t, metric, row.now)}</Table.Td>
            <Table.Td>{metricText(t, metric, row.before)}</Table.Td>
          </Table.Tr>
        ))}
      </Table.Tbody>
    </Table>
  );
  return (
    <figure className={classes.plot}>
      <div
        role="img"
        aria-label={t('statistics.chartLabel', {
          metric: title,
          range: t(`statistics.in.${view.range}`),
          best: best.name,
          value: metricText(t, metric, best.now),
        })}
      >
        <BarChart
          h={HEIGHT_PX}
          data={rows.map(({ name, now, before }) => ({
            name,
            now: (now ?? 0) * factor,
            before: (before ?? 0) * factor,
          }))}
          dataKey="name"
          series={[
            ...(compared
              ? [{ name: 'before', label: t('statistics.lastPeriod'), color: 'var(--tore-edge)' } as const]
              : []),
            { name: 'now', label: t('statistics.thisPeriod'), color: 'var(--tore-cobalt)' } as const,
          ]}
          withLegend={compared}
          legendProps={{ verticalAlign: 'bottom', height: 28 }}
          valueFormatter={(value) => metricText(t, metric, value / factor)}
          yAxisProps={{
            tickFormatter: (value: number) => metricTick(metric, value, factor),
            allowDecimals: metric !== 'requests',
            width: 68,
          }}
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
      {asTable ? table : <VisuallyHidden>{table}</VisuallyHidden>}
    </figure>
  );
}
