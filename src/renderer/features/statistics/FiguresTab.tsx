import { Button, SegmentedControl, Skeleton, Switch, UnstyledButton } from '@mantine/core';
import { IconAlertTriangle, IconChartBar, IconFileExport, IconTable } from '@tabler/icons-react';
import { lazy, Suspense, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { STATISTICS_RANGES, type StatisticsRange, type StatisticsView } from '../../../contract';
import { callOrNotify, notifyDone } from '../../app/notify';
import { EmptyState } from '../../components/EmptyState';
import { Section } from '../../components/Section';
import { failureText } from '../../format/failures';
import { formatPercent } from '../../format/numbers';
import { useSnapshot } from '../../stores/snapshot-store';
import { useReading } from '../../stores/use-reading';
import { MilestonesCard } from './MilestonesCard';
import { metricText } from './metric-text';
import { changeSince, METRICS, metricValue, SHARES, sumOf, type Metric } from './metrics';
import { PartsCard } from './PartsCard';
import { ReasonsCard } from './ReasonsCard';
import { StatesCard } from './StatesCard';
import classes from './Statistics.module.css';

// The plotting library is the largest part of the window.
const StatisticsChart = lazy(async () => {
  const module = await import('./StatisticsChart');
  return { default: module.StatisticsChart };
});

const REFRESH_MS = 10_000;

interface FigureButtonProps {
  readonly metric: Metric;
  readonly view: StatisticsView;
  readonly chosen: boolean;
  readonly onChoose: () => void;
}

/** A figure that can be plotted, with what it was in the time before. */
function FigureButton({ metric, view, chosen, onChoose }: FigureButtonProps) {
  const { t } = useTranslation();
  const now = metricValue(metric, sumOf(view.buckets));
  const before = metricValue(metric, sumOf(view.previous));
  const change = changeSince(now, before);
  const measured = sumOf(view.buckets).work;
  const isEstimate = metric === 'energy' && measured.energyJoules > measured.measuredJoules;
  return (
    <UnstyledButton
      className={classes.figure ?? ''}
      aria-pressed={chosen}
      data-testid={`statistics-metric-${metric}`}
      onClick={onChoose}
    >
      <span className={classes.figureLabel}>
        {t(`statistics.metric.${metric}`)}
        {isEstimate && ` ${t('statistics.estimate')}`}
      </span>
      <span className={classes.figureValue}>{metricText(t, metric, now)}</span>
      <span className={classes.figureNote}>
        {change === null
          ? t('statistics.before', { value: metricText(t, metric, before) })
          : t(change >= 0 ? 'statistics.more' : 'statistics.less', { change: formatPercent(Math.abs(change)) })}
      </span>
    </UnstyledButton>
  );
}

/** Figures, their plot, and what they are made of. */
export function FiguresTab() {
  const { t } = useTranslation();
  const [range, setRange] = useState<StatisticsRange>('week');
  const [metric, setMetric] = useState<Metric>('requests');
  const [compared, setCompared] = useState(false);
  const [asTable, setAsTable] = useState(false);
  const tokenMode = useSnapshot(({ node }) => node.coordinator.tokenMode);
  const { value: view, failure } = useReading('statistics:get', { range }, REFRESH_MS);
  if (view === null && failure !== null) {
    return (
      <EmptyState icon={IconAlertTriangle} tone="attention" title={t('statistics.failedTitle')}>
        {failureText(failure)}
      </EmptyState>
    );
  }
  if (view === null) return <Skeleton height={320} />;
  if (view.since === null) {
    return (
      <EmptyState icon={IconChartBar} title={t('statistics.emptyTitle')}>
        {t('statistics.empty')}
      </EmptyState>
    );
  }
  const save = async (): Promise<void> => {
    const saved = await callOrNotify('export', 'statistics:export', { range });
    if (saved.ok && saved.value !== null) notifyDone(t('statistics.saved', { path: saved.value.path }));
  };
  const metrics = METRICS.filter((one) => one !== 'earned' || tokenMode !== false);
  return (
    <>
      <Section
        title={t(`statistics.metric.${metric}`)}
        hint={t(`statistics.hint.${metric}`)}
        actions={
          <SegmentedControl
            size="xs"
            aria-label={t('statistics.range')}
            value={range}
            onChange={setRange}
            data={STATISTICS_RANGES.map((value) => ({ value, label: t(`statistics.ranges.${value}`) }))}
            data-testid="statistics-range"
          />
        }
      >
        <div className={classes.figures} role="group" aria-label={t('statistics.choose')}>
          {metrics.map((one) => (
            <FigureButton key={one} metric={one} view={view} chosen={one === metric} onChoose={() => setMetric(one)} />
          ))}
        </div>
        <Suspense fallback={<Skeleton height={220} />}>
          <StatisticsChart view={view} metric={metric} compared={compared} asTable={asTable} />
        </Suspense>
        <div className={classes.tools}>
          <Switch
            size="xs"
            label={t('statistics.compare')}
            checked={compared}
            onChange={(event) => setCompared(event.currentTarget.checked)}
          />
          <Button
            variant="default"
            size="xs"
            aria-pressed={asTable}
            leftSection={<IconTable size={16} stroke={1.5} aria-hidden="true" />}
            onClick={() => setAsTable(!asTable)}
          >
            {t(asTable ? 'statistics.hideTable' : 'statistics.showTable')}
          </Button>
          <Button
            variant="default"
            size="xs"
            leftSection={<IconFileExport size={16} stroke={1.5} aria-hidden="true" />}
            onClick={() => void save()}
          >
            {t('statistics.export')}
          </Button>
        </div>
        {metric === 'energy' && <p className={classes.quiet}>{t('statistics.energyMethod')}</p>}
        {SHARES.has(metric) && metricValue(metric, sumOf(view.buckets)) === null && (
          <p className={classes.quiet}>{t(metric === 'renewable' ? 'statistics.noGrid' : 'statistics.noRating')}</p>
        )}
      </Section>
      <ReasonsCard reasons={view.reasons} />
      <div className={classes.columns}>
        <StatesCard view={view} />
        <PartsCard view={view} />
      </div>
      <MilestonesCard view={view} />
    </>
  );
}
