import { Button, Skeleton } from '@mantine/core';
import { IconCoinOff, IconHourglassEmpty } from '@tabler/icons-react';
import { useTranslation } from 'react-i18next';
import { Amount } from '../../components/Amount';
import { EmptyState } from '../../components/EmptyState';
import { FailedState } from '../../components/FailedState';
import { Figure, FigureList } from '../../components/Figure';
import { Screen } from '../../components/Screen';
import { Section } from '../../components/Section';
import { refreshLedger, useLedger } from '../../stores/ledger-store';
import { useSnapshot } from '../../stores/snapshot-store';
import { ChainState } from './ChainState';
import { EntriesCard } from './EntriesCard';
import { ExpiringNote } from './ExpiringNote';

function Content() {
  const { t } = useTranslation();
  const tokenMode = useSnapshot(({ node }) => node.coordinator.tokenMode);
  const { page, failure } = useLedger();
  if (tokenMode !== true) {
    const off = tokenMode === false;
    return (
      <Section title={t('ledger.table')}>
        <EmptyState
          icon={off ? IconCoinOff : IconHourglassEmpty}
          title={off ? t('ledger.offTitle') : t('ledger.unknownTitle')}
        >
          {off ? t('ledger.off') : t('ledger.unknown')}
        </EmptyState>
      </Section>
    );
  }
  if (page === null) {
    return (
      <Section title={t('ledger.table')}>
        {failure === null ? (
          <Skeleton height={240} />
        ) : (
          <FailedState
            title={t('ledger.failedTitle')}
            action={
              <Button variant="default" onClick={() => void refreshLedger()}>
                {t('common.retry')}
              </Button>
            }
            failure={failure}
          />
        )}
      </Section>
    );
  }
  return (
    <>
      <Section title={t('ledger.account')} actions={<ChainState />}>
        <FigureList>
          <Figure label={t('ledger.balance')} size="large">
            <Amount microGft={page.balanceMicroGft} />
          </Figure>
          <Figure label={t('ledger.earned')} size="large">
            <Amount microGft={page.totalEarnedMicroGft} />
          </Figure>
          <Figure label={t('ledger.spent')} size="large">
            <Amount microGft={page.totalSpentMicroGft} />
          </Figure>
        </FigureList>
        <ExpiringNote expiring={page.expiring} />
      </Section>
      <EntriesCard page={page} />
    </>
  );
}

/** The account and every entry of it. */
export function Ledger() {
  const { t } = useTranslation();
  return (
    <Screen help="earning" title={t('ledger.title')} lead={t('ledger.lead')}>
      <Content />
    </Screen>
  );
}
