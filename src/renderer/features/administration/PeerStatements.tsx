import { Button, Table } from '@mantine/core';
import { IconAlertTriangle, IconCircleCheck } from '@tabler/icons-react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { StatementView } from '../../../protocol/federation/administration';
import { callOrNotify } from '../../app/notify';
import { ShortId } from '../../components/ShortId';
import { formatCount, formatWireAmount } from '../../format/numbers';
import { formatDate } from '../../format/times';
import administration from './Administration.module.css';
import classes from './PeersPanel.module.css';
import { useReading } from '../../stores/use-reading';

const REFRESH_MS = 60_000;
const STATES = { signed: 'signedBoth', equal: 'equalSoFar' } as const;

type Difference = StatementView['differences'][number];

function Booked({ entry, unit }: { readonly entry: Difference['here']; readonly unit: string }) {
  const { t } = useTranslation();
  if (entry === null) return t('administration.peers.notBooked');
  return t('administration.peers.booked', {
    amount: formatWireAmount(entry.amount),
    unit,
    input: formatCount(entry.input_tokens),
    output: formatCount(entry.output_tokens),
  });
}

function Differences({ differences, unit }: { readonly differences: readonly Difference[]; readonly unit: string }) {
  const { t } = useTranslation();
  return (
    <Table aria-label={t('administration.peers.differences')}>
      <Table.Thead>
        <Table.Tr>
          <Table.Th scope="col">{t('administration.peers.request')}</Table.Th>
          <Table.Th scope="col">{t('administration.peers.here')}</Table.Th>
          <Table.Th scope="col">{t('administration.peers.there')}</Table.Th>
        </Table.Tr>
      </Table.Thead>
      <Table.Tbody>
        {differences.map((difference) => (
          <Table.Tr key={`${difference.kind} ${difference.request_id}`}>
            <Table.Td>
              <ShortId id={difference.request_id} copy />
            </Table.Td>
            <Table.Td>
              <Booked entry={difference.here} unit={unit} />
            </Table.Td>
            <Table.Td>
              <Booked entry={difference.there} unit={unit} />
            </Table.Td>
          </Table.Tr>
        ))}
      </Table.Tbody>
    </Table>
  );
}

function Statement({ view, unit }: { readonly view: StatementView; readonly unit: string }) {
  const { t } = useTranslation();
  const agrees = view.state === 'signed' || view.state === 'equal';
  const Shape = agrees ? IconCircleCheck : IconAlertTriangle;
  const word = view.state === 'signed' || view.state === 'equal' ? STATES[view.state] : 'differs';
  const count = view.statement.entries.length;
  return (
    <li>
      <span className={agrees ? administration.good : administration.bad}>
        <Shape size={16} stroke={1.5} aria-hidden="true" />
        {formatDate(view.from)}: {t(`administration.peers.${word}`)} (
        {t('administration.peers.entries', { count, shown: formatCount(count) })})
      </span>
      {view.differences.length > 0 && <Differences differences={view.differences} unit={unit} />}
    </li>
  );
}

interface PeerStatementsProps {
  readonly name: string;
  readonly unit: string;
  readonly isLinked: boolean;
}

/** Statements with a peer, and the running day compared with its ledger. */
export function PeerStatements({ name, unit, isLinked }: PeerStatementsProps) {
  const { t } = useTranslation();
  const kept = useReading('administration:get-statements', { name }, REFRESH_MS);
  const [today, setToday] = useState<readonly StatementView[]>([]);
  const [busy, setBusy] = useState(false);
  const compare = async (): Promise<void> => {
    setBusy(true);
    const result = await callOrNotify('administration', 'administration:reconcile', { name });
    if (result.ok) setToday(result.value.statements);
    setBusy(false);
  };
  const shown = [...today, ...(kept.value?.statements ?? [])];
  return (
    <>
      <h3 className={classes.subtitle}>{t('administration.peers.statements')}</h3>
      <div role="status">
        {shown.length === 0 ? (
          <p className={classes.reason}>{t('administration.peers.noStatements')}</p>
        ) : (
          <ul className={classes.list}>
            {shown.map((view) => (
              <Statement key={`${view.from} ${view.state}`} view={view} unit={unit} />
            ))}
          </ul>
        )}
      </div>
      <div className={administration.inline}>
        <Button size="xs" variant="default" disabled={!isLinked} loading={busy} onClick={() => void compare()}>
          {t('administration.peers.compare')}
        </Button>
      </div>
    </>
  );
}
