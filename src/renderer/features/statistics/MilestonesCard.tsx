import { Progress } from '@mantine/core';
import { IconFlag } from '@tabler/icons-react';
import type { TFunction } from 'i18next';
import { useTranslation } from 'react-i18next';
import type { Milestone, StatisticsView } from '../../../contract';
import { changeSettings } from '../../app/change-settings';
import { SavedSwitch } from '../../components/SavedSwitch';
import { Section } from '../../components/Section';
import { formatCount, formatPercent } from '../../format/numbers';
import { formatDate } from '../../format/times';
import { useSnapshot } from '../../stores/snapshot-store';
import classes from './Statistics.module.css';

function milestoneName(t: TFunction, { kind, value }: Pick<Milestone, 'kind' | 'value'>): string {
  return t(`statistics.milestone.${kind}`, { count: value, shown: formatCount(value) });
}

/** Goals that were reached, and the next ones. */
export function MilestonesCard({ view }: { readonly view: StatisticsView }) {
  const { t } = useTranslation();
  const showStreaks = useSnapshot(({ settings }) => settings.statistics.showStreaks);
  const reached = view.milestones.toReversed();
  return (
    <Section
      title={t('statistics.milestones.title')}
      hint={view.since === null ? undefined : t('statistics.milestones.since', { date: formatDate(view.since) })}
    >
      <ul className={classes.next}>
        {view.nextMilestones.map((goal) => (
          <li key={goal.kind}>
            <span>{milestoneName(t, goal)}</span>
            <Progress
              size="sm"
              value={100 * goal.fraction}
              aria-label={t('statistics.milestones.way', {
                goal: milestoneName(t, goal),
                share: formatPercent(goal.fraction),
              })}
            />
          </li>
        ))}
      </ul>
      {reached.length > 0 && (
        <ul className={classes.reached} aria-label={t('statistics.milestones.reached')}>
          {reached.map((goal) => (
            <li key={`${goal.kind} ${goal.value}`}>
              <IconFlag size={16} stroke={1.5} aria-hidden="true" />
              <span>{milestoneName(t, goal)}</span>
              <span className={classes.quiet}>{formatDate(goal.reachedAt)}</span>
            </li>
          ))}
        </ul>
      )}
      <div className={classes.streak}>
        <SavedSwitch
          label={t('statistics.streak.show')}
          checked={showStreaks}
          onSave={(checked) => changeSettings({ statistics: { showStreaks: checked } })}
        />
        <span aria-hidden="true">{t('statistics.streak.show')}</span>
        {view.streakDays !== null && (
          <strong>
            {t('statistics.streak.days', { count: view.streakDays, shown: formatCount(view.streakDays) })}
          </strong>
        )}
      </div>
    </Section>
  );
}
