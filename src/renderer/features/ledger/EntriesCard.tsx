import { Button, Select, Switch } from '@mantine/core';
import { IconFilterOff, IconListDetails } from '@tabler/icons-react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { LedgerPage } from '../../../contract';
import { EmptyState } from '../../components/EmptyState';
import { Section } from '../../components/Section';
import { formatAmount, formatCount } from '../../format/numbers';
import { LEDGER_PAGE_LIMIT } from '../../stores/ledger-store';
import { useSnapshot } from '../../stores/snapshot-store';
import { EntriesTable } from './EntriesTable';
import { ExportButton } from './ExportButton';
import { EVENT_TYPES, filterEntries, type LedgerFilter } from './filter-entries';
import classes from './Ledger.module.css';

/** Rows shown at first, and with each further step. */
const ROWS_STEP = 100;

function isEventType(value: string | null): value is (typeof EVENT_TYPES)[number] {
  return EVENT_TYPES.some((type) => type === value);
}

/** Entries by type and owner, with their sum. */
export function EntriesCard({ page }: { readonly page: LedgerPage }) {
  const { t } = useTranslation();
  const nodeId = useSnapshot(({ node }) => node.nodeId);
  const [eventType, setEventType] = useState<LedgerFilter['eventType']>('all');
  const [onlyMine, setOnlyMine] = useState(true);
  const [rows, setRows] = useState(ROWS_STEP);
  const { entries, sumMicroGft } = filterEntries(page.entries, { eventType, nodeId: onlyMine ? nodeId : null });
  const left = entries.length - rows;
  if (page.entries.length === 0) {
    return (
      <Section title={t('ledger.table')}>
        <EmptyState icon={IconListDetails} title={t('ledger.emptyTitle')}>
          {t('ledger.empty')}
        </EmptyState>
      </Section>
    );
  }
  return (
    <Section
      title={t('ledger.table')}
      hint={
        page.entries.length >= LEDGER_PAGE_LIMIT
          ? t('ledger.newestOnly', { limit: formatCount(LEDGER_PAGE_LIMIT) })
          : undefined
      }
      actions={
        <div className={classes.filters}>
          <Switch
            label={t('ledger.onlyMine')}
            checked={onlyMine}
            onChange={(event) => setOnlyMine(event.currentTarget.checked)}
          />
          <Select
            aria-label={t('ledger.filterType')}
            w={144}
            data={[
              { value: 'all', label: t('ledger.typeAll') },
              ...EVENT_TYPES.map((value) => ({ value, label: t(`ledger.${value}`) })),
            ]}
            value={eventType}
            allowDeselect={false}
            onChange={(value) => setEventType(isEventType(value) ? value : 'all')}
          />
          <ExportButton />
        </div>
      }
    >
      {entries.length === 0 ? (
        <EmptyState icon={IconFilterOff} title={t('ledger.noMatchTitle')}>
          {t('ledger.noMatch')}
        </EmptyState>
      ) : (
        <>
          <EntriesTable entries={entries.slice(0, rows)} ownNodeId={nodeId} />
          <div className={classes.foot}>
            <p data-testid="ledger-sum">
              {t('ledger.sum', {
                count: entries.length,
                shown: formatCount(entries.length),
                amount: formatAmount(sumMicroGft, { sign: 'always' }),
              })}
            </p>
            {left > 0 && (
              <Button variant="default" size="xs" onClick={() => setRows(rows + ROWS_STEP)}>
                {t('ledger.showMore', { shown: formatCount(Math.min(left, ROWS_STEP)) })}
              </Button>
            )}
          </div>
        </>
      )}
    </Section>
  );
}
