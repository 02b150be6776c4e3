import { Anchor } from '@mantine/core';
import { IconCircleCheck } from '@tabler/icons-react';
import { useTranslation } from 'react-i18next';
import type { EarningReason, ScreenName } from '../../../contract';
import { Section } from '../../components/Section';
import { showScreen } from '../../stores/ui-store';
import { reasonText } from './reason-text';
import classes from './Statistics.module.css';

/** Where something can be done about a reason. */
const PLACES: Readonly<Partial<Record<EarningReason['kind'], ScreenName>>> = {
  'no-tokens': 'settings',
  'not-connected': 'settings',
  suspended: 'challenges',
  paused: 'contribute',
  'app-closed': 'settings',
  'layers-crowded': 'contribute',
  'pipeline-incomplete': 'contribute',
  'challenges-failed': 'challenges',
  'low-reliability': 'challenges',
  'requests-failed': 'contribute',
  slow: 'contribute',
};

interface ReasonsCardProps {
  readonly reasons: readonly EarningReason[];
  /** As many as are shown; the others are on the statistics screen. */
  readonly limit?: number;
}

/** Why this computer earns less than it could, and what can be done. */
export function ReasonsCard({ reasons, limit = reasons.length }: ReasonsCardProps) {
  const { t } = useTranslation();
  return (
    <Section title={t('statistics.reasons.title')} hint={t('statistics.reasons.hint')} testId="earning-reasons">
      {reasons.length === 0 ? (
        <p className={classes.good}>
          <IconCircleCheck size={18} stroke={1.5} aria-hidden="true" />
          {t('statistics.reasons.none')}
        </p>
      ) : (
        <ol className={classes.reasons}>
          {reasons.slice(0, limit).map((reason) => {
            const { what, todo } = reasonText(t, reason);
            const place = PLACES[reason.kind];
            return (
              <li key={'reason' in reason ? `${reason.kind} ${reason.reason}` : reason.kind}>
                <p className={classes.reasonWhat}>{what}</p>
                <p className={classes.quiet}>
                  {todo}{' '}
                  {place !== undefined && (
                    <Anchor component="button" type="button" size="sm" onClick={() => showScreen(place)}>
                      {t('statistics.reasons.open', { screen: t(`nav.${place}`) })}
                    </Anchor>
                  )}
                </p>
              </li>
            );
          })}
        </ol>
      )}
    </Section>
  );
}
