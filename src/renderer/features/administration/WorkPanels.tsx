import { Table } from '@mantine/core';
import { IconHourglassEmpty, IconShieldCheck } from '@tabler/icons-react';
import { useTranslation } from 'react-i18next';
import { EmptyState } from '../../components/EmptyState';
import { ShortId } from '../../components/ShortId';
import { formatExactTime, formatMoment } from '../../format/times';
import { useNow } from '../../stores/use-now';
import classes from './Administration.module.css';
import { coordinatorWord } from './coordinator-word';
import { Panel } from './Panel';
import { useReading } from '../../stores/use-reading';

const REQUESTS_REFRESH_MS = 2_000;
const CHALLENGES_REFRESH_MS = 10_000;

/** What is being answered now; never its text. */
export function RequestsPanel() {
  const { t } = useTranslation();
  const nowMs = useNow(1_000);
  const reading = useReading('administration:get-requests', null, REQUESTS_REFRESH_MS);
  return (
    <Panel
      title={t('administration.requests.title')}
      hint={t('administration.requests.hint', { count: reading.value?.waiting ?? 0 })}
      reading={reading}
    >
      {({ requests }) =>
        requests.length === 0 ? (
          <EmptyState icon={IconHourglassEmpty} title={t('administration.requests.emptyTitle')}>
            {t('administration.requests.empty')}
          </EmptyState>
        ) : (
          <Table aria-label={t('administration.requests.title')}>
            <Table.Thead>
              <Table.Tr>
                <Table.Th scope="col">{t('administration.requests.request')}</Table.Th>
                <Table.Th scope="col">{t('administration.requests.asker')}</Table.Th>
                <Table.Th scope="col">{t('administration.requests.model')}</Table.Th>
                <Table.Th scope="col">{t('administration.requests.since')}</Table.Th>
              </Table.Tr>
            </Table.Thead>
            <Table.Tbody>
              {requests.map((request) => (
                <Table.Tr key={`${request.node_id} ${request.request_id}`}>
                  <Table.Td>
                    <ShortId id={request.request_id} copy />
                  </Table.Td>
                  <Table.Td>
                    <ShortId id={request.node_id} copy />
                  </Table.Td>
                  <Table.Td>{request.model_id}</Table.Td>
                  <Table.Td title={formatExactTime(request.started_at)}>
                    {formatMoment(request.started_at, nowMs)}
                  </Table.Td>
                </Table.Tr>
              ))}
            </Table.Tbody>
          </Table>
        )
      }
    </Panel>
  );
}

/** The newest challenges and what was found. */
export function ChallengesPanel() {
  const { t } = useTranslation();
  const nowMs = useNow(60_000);
  const reading = useReading('administration:get-challenges', null, CHALLENGES_REFRESH_MS);
  return (
    <Panel title={t('administration.challenges.title')} reading={reading}>
      {({ challenges }) =>
        challenges.length === 0 ? (
          <EmptyState icon={IconShieldCheck} title={t('administration.challenges.emptyTitle')}>
            {t('administration.challenges.empty')}
          </EmptyState>
        ) : (
          <Table.ScrollContainer
            minWidth={640}
            type="native"
            role="region"
            aria-label={t('administration.challenges.table')}
            tabIndex={0}
          >
            <Table aria-label={t('administration.challenges.table')}>
              <Table.Thead>
                <Table.Tr>
                  <Table.Th scope="col">{t('administration.challenges.time')}</Table.Th>
                  <Table.Th scope="col">{t('administration.nodes.node')}</Table.Th>
                  <Table.Th scope="col">{t('administration.challenges.layers')}</Table.Th>
                  <Table.Th scope="col">{t('administration.challenges.result')}</Table.Th>
                </Table.Tr>
              </Table.Thead>
              <Table.Tbody>
                {challenges.map((challenge) => (
                  <Table.Tr key={challenge.task_id}>
                    <Table.Td title={formatExactTime(challenge.created_at)}>
                      {formatMoment(challenge.created_at, nowMs)}
                    </Table.Td>
                    <Table.Td>
                      <ShortId id={challenge.node_id} copy />
                    </Table.Td>
                    <Table.Td>
                      {challenge.model_id} {challenge.layer_start}–{challenge.layer_end}
                    </Table.Td>
                    <Table.Td>
                      {coordinatorWord(t, challenge.status)}
                      {challenge.finding !== null && <span className={classes.quiet}>{challenge.finding}</span>}
                    </Table.Td>
                  </Table.Tr>
                ))}
              </Table.Tbody>
            </Table>
          </Table.ScrollContainer>
        )
      }
    </Panel>
  );
}
