import { Table } from '@mantine/core';
import {
  IconAlertTriangle,
  IconArrowDownLeft,
  IconArrowUpRight,
  IconClockOff,
  IconGift,
  type Icon,
} from '@tabler/icons-react';
import type { TFunction } from 'i18next';
import { useTranslation } from 'react-i18next';
import type { LedgerEntryView } from '../../../contract';
import { ShortId } from '../../components/ShortId';
import { formatAmount, formatSpeed, shortenId } from '../../format/numbers';
import { formatExactTime, formatMoment } from '../../format/times';
import { useNow } from '../../stores/use-now';
import classes from './Ledger.module.css';

const TYPE_ICONS: Record<LedgerEntryView['eventType'], Icon> = {
  issuance: IconArrowDownLeft,
  redemption: IconArrowUpRight,
  purchase: IconGift,
  expiry: IconClockOff,
  penalty: IconAlertTriangle,
};

const FLOPS_PER_GFLOP = 1e9;

function describePurpose(t: TFunction, entry: LedgerEntryView): string {
  if (entry.reason !== null) return entry.reason;
  if (entry.requestId !== null) return t('ledger.forRequest', { id: shortenId(entry.requestId) });
  if (entry.taskId !== null) return t('ledger.forTask', { id: shortenId(entry.taskId) });
  return '';
}

interface EntryRowProps {
  readonly entry: LedgerEntryView;
  readonly isOwn: boolean;
  readonly nowMs: number;
}

function EntryRow({ entry, isOwn, nowMs }: EntryRowProps) {
  const { t } = useTranslation();
  const Shape = TYPE_ICONS[entry.eventType];
  return (
    <Table.Tr>
      <Table.Td className={classes.fixed ?? ''} title={formatExactTime(entry.timestamp)}>
        {formatMoment(entry.timestamp, nowMs)}
      </Table.Td>
      <Table.Td className={classes.fixed ?? ''}>
        <span className={classes.type} data-type={entry.eventType}>
          <Shape size={16} stroke={1.5} aria-hidden="true" />
          {t(`ledger.${entry.eventType}`)}
        </span>
      </Table.Td>
      <Table.Td className={classes.number ?? ''}>
        {formatAmount(entry.microGft, { sign: 'always', digits: 'all' })}
      </Table.Td>
      <Table.Td className={classes.fixed ?? ''}>{isOwn ? t('ledger.mine') : <ShortId id={entry.nodeId} />}</Table.Td>
      <Table.Td
        className={classes.purpose ?? ''}
        title={
          entry.expiresAt === null ? undefined : t('ledger.expires', { time: formatMoment(entry.expiresAt, nowMs) })
        }
      >
        {describePurpose(t, entry)}
        {entry.flops !== null && (
          <span className={classes.quiet}>
            {' '}
            {t('ledger.flops', { value: formatSpeed(entry.flops / FLOPS_PER_GFLOP) })}
          </span>
        )}
      </Table.Td>
      <Table.Td className={classes.fixed ?? ''}>
        <ShortId id={entry.entryHash} copy />
      </Table.Td>
    </Table.Tr>
  );
}

interface EntriesTableProps {
  readonly entries: readonly LedgerEntryView[];
  readonly ownNodeId: string | null;
}

/** The entries themselves. */
export function EntriesTable({ entries, ownNodeId }: EntriesTableProps) {
  const { t } = useTranslation();
  const nowMs = useNow(60_000);
  return (
    <Table.ScrollContainer minWidth={600} type="native" role="region" aria-label={t('ledger.scroll')} tabIndex={0}>
      <Table
        className={classes.table ?? ''}
        aria-label={t('ledger.table')}
        horizontalSpacing="md"
        data-testid="ledger-table"
      >
        <Table.Thead>
          <Table.Tr>
            <Table.Th scope="col">{t('ledger.time')}</Table.Th>
            <Table.Th scope="col">{t('ledger.type')}</Table.Th>
            <Table.Th scope="col" className={classes.number ?? ''}>
              {t('ledger.amount')}
            </Table.Th>
            <Table.Th scope="col">{t('ledger.node')}</Table.Th>
            <Table.Th scope="col">{t('ledger.reason')}</Table.Th>
            <Table.Th scope="col">{t('ledger.hash')}</Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {entries.map((entry) => (
            <EntryRow key={entry.id} entry={entry} isOwn={entry.nodeId === ownNodeId} nowMs={nowMs} />
          ))}
        </Table.Tbody>
      </Table>
    </Table.ScrollContainer>
  );
}
