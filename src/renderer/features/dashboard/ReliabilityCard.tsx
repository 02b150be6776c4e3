import { Anchor } from '@mantine/core';
import type { TFunction } from 'i18next';
import { useTranslation } from 'react-i18next';
import type { ChallengeRecord } from '../../../protocol/compute/node-snapshot';
import { Section } from '../../components/Section';
import { formatAgo } from '../../format/times';
import { useSnapshot } from '../../stores/snapshot-store';
import { showScreen } from '../../stores/ui-store';
import { useNow } from '../../stores/use-now';
import { lastDecided } from '../challenges/challenge-summary';
import { formatFixed } from '../../format/numbers';
import classes from './Dashboard.module.css';
import { RELIABILITY_SCALE } from './reliability-scale';
import { ReliabilityDial } from './ReliabilityDial';

const REFRESH_MS = 30_000;

function describeLast(t: TFunction, last: ChallengeRecord | null, nowMs: number): string {
  if (last === null) return t('dashboard.reliability.none');
  const ago = formatAgo(t, last.receivedAt, nowMs);
  switch (last.verdict) {
    case 'passed':
      return t('dashboard.reliability.lastPassed', { ago });
    case 'failed':
      return t('dashboard.reliability.lastFailed', { ago });
    case 'error':
      return t('dashboard.reliability.lastError', { ago });
    case 'waiting':
      return t('dashboard.reliability.lastWaiting');
  }
}

/** How far the coordinator trusts this node, and what moved it last. */
export function ReliabilityCard() {
  const { t } = useTranslation();
  const reliability = useSnapshot(({ node }) => node.reliability);
  const challenges = useSnapshot(({ node }) => node.challenges);
  const nowMs = useNow(REFRESH_MS);
  return (
    <Section
      title={t('dashboard.reliability.title')}
      actions={
        <Anchor component="button" type="button" size="sm" onClick={() => showScreen('challenges')}>
          {t('dashboard.reliability.history')}
        </Anchor>
      }
    >
      {reliability === null ? (
        <p className={classes.quiet}>{t('dashboard.reliability.unknown')}</p>
      ) : (
        <div className={classes.reliability}>
          <ReliabilityDial value={reliability} />
          <div>
            <p>{describeLast(t, lastDecided(challenges), nowMs)}</p>
            <p className={classes.quiet}>
              {t('dashboard.reliability.scale', { limit: formatFixed(RELIABILITY_SCALE.suspendedBelow, 2) })}
            </p>
          </div>
        </div>
      )}
    </Section>
  );
}
