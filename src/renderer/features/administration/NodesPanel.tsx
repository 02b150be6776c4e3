import { Button, Group, Pagination, Select, Table, TextInput } from '@mantine/core';
import { IconServerOff } from '@tabler/icons-react';
import type { TFunction } from 'i18next';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { ADMINISTRATION_PAGE } from '../../../contract';
import type { AdminNode } from '../../../protocol/compute/http/admin';
import { callOrNotify } from '../../app/notify';
import { EmptyState } from '../../components/EmptyState';
import { ShortId } from '../../components/ShortId';
import { formatFixed, formatWireAmount } from '../../format/numbers';
import { formatExactTime, formatMoment } from '../../format/times';
import { useNow } from '../../stores/use-now';
import classes from './Administration.module.css';
import { Panel } from './Panel';
import { useReading } from '../../stores/use-reading';

const REFRESH_MS = 10_000;
const STATUSES = ['all', 'active', 'suspended', 'deregistered'] as const;
type Status = (typeof STATUSES)[number];

function statusText(t: TFunction, status: string): string {
  const known = STATUSES.find((each) => each === status);
  return known === undefined
    ? status
    : t(`administration.nodes.${known}`).toLocaleLowerCase(document.documentElement.lang);
}

interface NodeRowProps {
  readonly node: AdminNode;
  readonly nowMs: number;
  readonly onChanged: () => void;
}

/** Why a node is in its state, null where the state says it all. What an administrator or the coordinator wrote stays as it is. */
function reasonText(t: TFunction, node: AdminNode, nowMs: number): string | null {
  const { status, quarantine_until: until, reason } = node;
  if (status === 'deregistered') return t('administration.nodes.leftText');
  if (status !== 'active') return reason;
  return until !== null && Date.parse(until) > nowMs
    ? t('administration.nodes.quarantinedText', { time: formatExactTime(until) })
    : null;
}

function NodeRow({ node, nowMs, onChanged }: NodeRowProps) {
  const { t } = useTranslation();
  const [reason, setReason] = useState<string | null>(null);
  const suspend = async (): Promise<void> => {
    if (reason === null || reason.trim() === '') return;
    const input = { nodeId: node.id, reason: reason.trim() };
    const result = await callOrNotify('administration', 'administration:suspend-node', input);
    if (!result.ok) return;
    setReason(null);
    onChanged();
  };
  const release = async (): Promise<void> => {
    const result = await callOrNotify('administration', 'administration:release-node', { nodeId: node.id });
    if (result.ok) onChanged();
  };
  const said = reasonText(t, node, nowMs);
  const layers = node.shards.map((shard) => `${shard.model_id} ${shard.layer_start}–${shard.layer_end}`).join(', ');
  return (
    <Table.Tr>
      <Table.Td>
        <ShortId id={node.id} copy />
        <span className={classes.quiet}>{formatMoment(node.last_seen, nowMs)}</span>
      </Table.Td>
      <Table.Td>
        <span className={classes.status} data-status={node.status}>
          {t(`administration.nodes.${node.connected ? 'connected' : 'away'}`)} · {statusText(t, node.status)}
        </span>
        {said !== null && <span className={classes.quiet}>{said}</span>}
        {node.same_machine_as.length > 0 && (
          <span className={classes.quiet}>
            {t('administration.nodes.sameMachine', { count: node.same_machine_as.length })}
          </span>
        )}
      </Table.Td>
      <Table.Td>{layers === '' ? t('administration.nodes.nothing') : layers}</Table.Td>
      <Table.Td className={classes.number ?? ''}>{formatFixed(node.reliability, 2)}</Table.Td>
      <Table.Td className={classes.number ?? ''}>{formatWireAmount(node.balance)}</Table.Td>
      <Table.Td>
        {node.status === 'suspended' && (
          <Button size="compact-sm" variant="default" onClick={() => void release()}>
            {t('administration.nodes.release')}
          </Button>
        )}
        {node.status === 'active' && reason === null && (
          <Button size="compact-sm" variant="default" onClick={() => setReason('')}>
            {t('administration.nodes.suspend')}
          </Button>
        )}
        {reason !== null && (
          <form
            className={classes.inline}
            onSubmit={(event) => {
              event.preventDefault();
              void suspend();
            }}
          >
            <TextInput
              size="xs"
              aria-label={t('administration.nodes.reasonLabel')}
              placeholder={t('administration.nodes.reasonLabel')}
              value={reason}
              maxLength={500}
              onChange={(event) => setReason(event.currentTarget.value)}
            />
            <Button size="compact-sm" type="submit" color="coral" disabled={reason.trim() === ''}>
              {t('administration.nodes.suspend')}
            </Button>
            <Button size="compact-sm" variant="default" onClick={() => setReason(null)}>
              {t('common.cancel')}
            </Button>
          </form>
        )}
      </Table.Td>
    </Table.Tr>
  );
}

/** Every node with its state and the reason for it. */
export function NodesPanel() {
  const { t } = useTranslation();
  const [status, setStatus] = useState<Status>('all');
  const [page, setPage] = useState(1);
  const nowMs = useNow(60_000);
  const reading = useReading(
    'administration:get-nodes',
    { status, offset: (page - 1) * ADMINISTRATION_PAGE },
    REFRESH_MS,
  );
  return (
    <Panel
      title={t('administration.nodes.title')}
      reading={reading}
      actions={
        <Select
          size="xs"
          aria-label={t('administration.nodes.filter')}
          data={STATUSES.map((value) => ({ value, label: t(`administration.nodes.${value}`) }))}
          value={status}
          allowDeselect={false}
          onChange={(value) => {
            setStatus((value ?? 'all') as Status);
            setPage(1);
          }}
        />
      }
    >
      {({ nodes, total }) =>
        nodes.length === 0 ? (
          <EmptyState icon={IconServerOff} title={t('administration.nodes.emptyTitle')}>
            {t('administration.nodes.empty')}
          </EmptyState>
        ) : (
          <>
            <Table.ScrollContainer
              minWidth={760}
              type="native"
              role="region"
              aria-label={t('administration.nodes.table')}
              tabIndex={0}
            >
              <Table aria-label={t('administration.nodes.table')} data-testid="admin-nodes">
                <Table.Thead>
                  <Table.Tr>
                    <Table.Th scope="col">{t('administration.nodes.node')}</Table.Th>
                    <Table.Th scope="col">{t('administration.nodes.state')}</Table.Th>
                    <Table.Th scope="col">{t('administration.nodes.serves')}</Table.Th>
                    <Table.Th scope="col" className={classes.number ?? ''}>
                      {t('administration.nodes.reliability')}
                    </Table.Th>
                    <Table.Th scope="col" className={classes.number ?? ''}>
                      {t('administration.nodes.balance')}
                    </Table.Th>
                    <Table.Th scope="col">{t('administration.nodes.action')}</Table.Th>
                  </Table.Tr>
                </Table.Thead>
                <Table.Tbody>
                  {nodes.map((node) => (
                    <NodeRow key={node.id} node={node} nowMs={nowMs} onChanged={reading.refresh} />
                  ))}
                </Table.Tbody>
              </Table>
            </Table.ScrollContainer>
            {total > ADMINISTRATION_PAGE && (
              <Group justify="center">
                <Pagination total={Math.ceil(total / ADMINISTRATION_PAGE)} value={page} onChange={setPage} />
              </Group>
            )}
          </>
        )
      }
    </Panel>
  );
}
