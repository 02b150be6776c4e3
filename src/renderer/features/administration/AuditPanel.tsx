import { Button, Table } from '@mantine/core';
import { IconListDetails } from '@tabler/icons-react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { LedgerVerification } from '../../../protocol/compute/http/tokens';
import { callOrNotify } from '../../app/notify';
import { EmptyState } from '../../components/EmptyState';
import { ShortId } from '../../components/ShortId';
import { formatCount, formatWireAmount } from '../../format/numbers';
import { formatExactTime, formatMoment } from '../../format/times';
import { useNow } from '../../stores/use-now';
import classes from './Administration.module.css';
import { Panel } from './Panel';
import { useReading } from '../../stores/use-reading';

/** The newest entries of everybody's accounts, and a check of the whole chain. */
export function AuditPanel() {
  const { t } = useTranslation();
  const nowMs = useNow(60_000);
  const reading = useReading('administration:audit', null);
  const [verification, setVerification] = useState<LedgerVerification | null>(null);
  const [busy, setBusy] = useState(false);
  const verify = async (): Promise<void> => {
    setBusy(true);
    const result = await callOrNotify('administration', 'administration:verify', null);
    setVerification(result.ok ? result.value : null);
    setBusy(false);
  };
  return (
    <Panel
      title={t('administration.audit.title')}
      reading={reading}
      actions={
        <Button size="xs" variant="default" loading={busy} onClick={() => void verify()}>
          {t('administration.audit.verify')}
        </Button>
      }
    >
      {({ entries, total_entries: total }) => (
        <>
          {verification !== null && (
            <p role="status" className={verification.chain_valid ? classes.good : classes.bad}>
              {verification.chain_valid
                ? t('administration.audit.valid', { shown: formatCount(verification.total_entries) })
                : t('administration.audit.broken', { problem: verification.problem ?? '' })}
            </p>
          )}
          {entries.length === 0 ? (
            <EmptyState icon={IconListDetails} title={t('administration.audit.emptyTitle')}>
              {t('administration.audit.empty')}
            </EmptyState>
          ) : (
            <>
              <p className={classes.quiet}>
                {t('administration.audit.newest', { shown: formatCount(entries.length), total: formatCount(total) })}
              </p>
              <Table.ScrollContainer
                minWidth={640}
                type="native"
                role="region"
                aria-label={t('administration.audit.table')}
                tabIndex={0}
              >
                <Table aria-label={t('administration.audit.table')}>
                  <Table.Tbody>
                    {entries.toReversed().map((entry) => (
                      <Table.Tr key={entry.id}>
                        <Table.Td title={formatExactTime(entry.timestamp)}>
                          {formatMoment(entry.timestamp, nowMs)}
                        </Table.Td>
                        <Table.Td>{t(`ledger.${entry.event_type}`)}</Table.Td>
                        <Table.Td className={classes.number ?? ''}>
                          {formatWireAmount(entry.amount, { sign: 'always', digits: 'all' })}
                        </Table.Td>
                        <Table.Td>
                          <ShortId id={entry.node_id} copy />
                        </Table.Td>
                        <Table.Td>
                          <ShortId id={entry.entry_hash} copy />
                        </Table.Td>
                      </Table.Tr>
                    ))}
                  </Table.Tbody>
                </Table>
              </Table.ScrollContainer>
            </>
          )}
        </>
      )}
    </Panel>
  );
}
