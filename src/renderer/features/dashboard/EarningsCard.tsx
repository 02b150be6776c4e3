import { Button, SegmentedControl, Skeleton } from '@mantine/core';
import { IconChartBar, IconCoinOff, IconHourglassEmpty } from '@tabler/icons-react';
import { lazy, Suspense, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Amount } from '../../components/Amount';
import { EmptyState } from '../../components/EmptyState';
import { FailedState } from '../../components/FailedState';
import { Figure, FigureList } from '../../components/Figure';
import { Section } from '../../components/Section';
import { LEDGER_PAGE_LIMIT, refreshLedger, useLedger } from '../../stores/ledger-store';
import { useSnapshot } from '../../stores/snapshot-store';
import { useNow } from '../../stores/use-now';
import { EARNINGS_RANGES, earningsBuckets, earningsTotals, type EarningsRange } from './earnings';

// The plotting library is the largest part of the window and not needed for the first picture.
const EarningsChart = lazy(async () => {
  const module = await import('./EarningsChart');
  return { default: module.EarningsChart };
});

const REFRESH_MS = 60_000;

function EarningsBody({ range }: { readonly range: EarningsRange }) {
  const { t } = useTranslation();
  const nodeId = useSnapshot(({ node }) => node.nodeId);
  const tokenMode = useSnapshot(({ node }) => node.coordinator.tokenMode);
  const { page, failure } = useLedger();
  const nowMs = useNow(REFRESH_MS);
  if (tokenMode === false) {
    return (
      <EmptyState icon={IconCoinOff} title={t('dashboard.earnings.offTitle')}>
        {t('dashboard.earnings.off')}
      </EmptyState>
    );
  }
  if (page === null && failure !== null) {
    return (
      <FailedState
        title={t('dashboard.earnings.failedTitle')}
        action={
          <Button variant="default" onClick={() => void refreshLedger()}>
            {t('common.retry')}
          </Button>
        }
        failure={failure}
      />
    );
  }
  if (tokenMode === null || nodeId === null) {
    return (
      <EmptyState icon={IconHourglassEmpty} title={t('dashboard.earnings.unknownTitle')}>
        {t('dashboard.earnings.unknown')}
      </EmptyState>
    );
  }
  if (page === null) return <Skeleton height={224} />;
  const totals = earningsTotals(page, nodeId, nowMs, LEDGER_PAGE_LIMIT);
  if (totals.all === 0) {
    return (
      <EmptyState icon={IconChartBar} title={t('dashboard.earnings.emptyTitle')}>
        {t('dashboard.earnings.empty')}
      </EmptyState>
    );
  }
  return (
    <>
      <FigureList>
        <Figure label={t('dashboard.earnings.today')}>
          <Amount microGft={totals.today} />
        </Figure>
        <Figure label={t('dashboard.earnings.week')}>
          <Amount microGft={totals.week} />
        </Figure>
        <Figure label={t('dashboard.earnings.all')}>
          <Amount microGft={totals.all} />
        </Figure>
      </FigureList>
      <Suspense fallback={<Skeleton height={168} />}>
        <EarningsChart buckets={earningsBuckets(page.entries, nodeId, range, nowMs)} range={range} />
      </Suspense>
    </>
  );
}

/** Balance and earnings over time. */
export function EarningsCard() {
  const { t } = useTranslation();
  const [range, setRange] = useState<EarningsRange>('day');
  const tokenMode = useSnapshot(({ node }) => node.coordinator.tokenMode);
  const balance = useSnapshot(({ node }) => node.balanceMicroGft);
  const labels = {
    day: t('dashboard.earnings.rangeDay'),
    week: t('dashboard.earnings.rangeWeek'),
    month: t('dashboard.earnings.rangeMonth'),
  };
  return (
    <Section
      title={t('dashboard.earnings.title')}
      hint={
        tokenMode === true && balance !== null ? (
          <>
            {t('dashboard.earnings.balance')} <Amount microGft={balance} />
          </>
        ) : undefined
      }
      actions={
        tokenMode === true && (
          <SegmentedControl
            size="xs"
            aria-label={t('dashboard.earnings.range')}
            value={range}
            onChange={setRange}
            data={EARNINGS_RANGES.map((value) => ({ value, label: labels[value] }))}
          />
        )
      }
    >
      <EarningsBody range={range} />
    </Section>
  );
}
