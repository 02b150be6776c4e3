import { Table } from '@mantine/core';
import {
  IconAlertTriangle,
  IconCircleCheck,
  IconCircleX,
  IconHourglass,
  IconShieldCheck,
  type Icon,
} from '@tabler/icons-react';
import { useTranslation } from 'react-i18next';
import type { ChallengeRecord } from '../../../protocol/compute/node-snapshot';
import { EmptyState } from '../../components/EmptyState';
import { Screen } from '../../components/Screen';
import { Section } from '../../components/Section';
import { formatCount, formatLayers } from '../../format/numbers';
import { formatDuration, formatExactTime, formatMoment } from '../../format/times';
import { useSnapshot } from '../../stores/snapshot-store';
import { useNow } from '../../stores/use-now';
import { sortChallenges, summarizeChallenges } from './challenge-summary';
import classes from './Challenges.module.css';

const VERDICT_ICONS: Record<ChallengeRecord['verdict'], Icon> = {
  passed: IconCircleCheck,
  failed: IconCircleX,
  error: IconAlertTriangle,
  waiting: IconHourglass,
};

function Verdict({ verdict }: { readonly verdict: ChallengeRecord['verdict'] }) {
  const { t } = useTranslation();
  const Shape = VERDICT_ICONS[verdict];
  return (
    <span className={classes.verdict} data-verdict={verdict}>
      <Shape size={18} stroke={1.5} aria-hidden="true" />
      {t(`challenges.${verdict}`)}
    </span>
  );
}

function History({ challenges }: { readonly challenges: readonly ChallengeRecord[] }) {
  const { t } = useTranslation();
  const nowMs = useNow(60_000);
  return (
    <Table.ScrollContainer minWidth={560} type="native" role="region" aria-label={t('challenges.table')} tabIndex={0}>
      <Table
        className={classes.table ?? ''}
        aria-label={t('challenges.table')}
        horizontalSpacing="md"
        verticalSpacing="sm"
      >
        <Table.Thead>
          <Table.Tr>
            {(['time', 'verdict', 'model', 'layers', 'duration', 'message'] as const).map((column) => (
              <Table.Th key={column} scope="col">
                {t(`challenges.${column}`)}
              </Table.Th>
            ))}
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {challenges.map((record) => (
            <Table.Tr key={record.taskId}>
              <Table.Td className={classes.fixed ?? ''} title={formatExactTime(record.receivedAt)}>
                {formatMoment(record.receivedAt, nowMs)}
              </Table.Td>
              <Table.Td className={classes.fixed ?? ''}>
                <Verdict verdict={record.verdict} />
              </Table.Td>
              <Table.Td className={classes.long ?? ''} title={record.modelId}>
                {record.modelId}
              </Table.Td>
              <Table.Td className={classes.fixed ?? ''}>
                {formatLayers(record.range.layer_start, record.range.layer_end)}
              </Table.Td>
              <Table.Td className={classes.fixed ?? ''}>
                {record.durationMs === null ? '' : formatDuration(record.durationMs)}
              </Table.Td>
              <Table.Td className={classes.message ?? ''}>
                {record.verdict === 'passed' ? t('challenges.passedText') : record.message}
              </Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Table.ScrollContainer>
  );
}

/** The challenges this computer was given, and what they prove. */
export function Challenges() {
  const { t } = useTranslation();
  const challenges = useSnapshot(({ node }) => node.challenges);
  const { passed, failed, waiting } = summarizeChallenges(challenges);
  const figures = { passed: formatCount(passed), failed: formatCount(failed), waiting: formatCount(waiting) };
  return (
    <Screen help="earning" title={t('challenges.title')} lead={t('challenges.lead')}>
      <Section
        title={
          challenges.length === 0
            ? t('challenges.historyTitle')
            : t(waiting > 0 ? 'challenges.summaryWaiting' : 'challenges.summary', figures)
        }
      >
        {challenges.length === 0 ? (
          <EmptyState icon={IconShieldCheck} title={t('challenges.emptyTitle')}>
            {t('challenges.empty')}
          </EmptyState>
        ) : (
          <History challenges={sortChallenges(challenges)} />
        )}
      </Section>
      <Section title={t('challenges.proofTitle')}>
        <p className={classes.proof}>{t('challenges.proof')}</p>
      </Section>
    </Screen>
  );
}
