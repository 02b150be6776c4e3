import { useTranslation } from 'react-i18next';
import type { TFunction } from 'i18next';
import type { StatisticsView } from '../../../contract';
import { Section } from '../../components/Section';
import { formatPercent } from '../../format/numbers';
import { formatHours } from '../../format/times';
import { pauseKindText } from './reason-text';
import classes from './Statistics.module.css';

const STATES = ['serving', 'preparing', 'offline', 'failed', 'off'] as const;

function stateText(t: TFunction, state: string): string {
  if (state.startsWith('paused:')) {
    return t('statistics.state.paused', { reason: pauseKindText(t, state.slice('paused:'.length)) });
  }
  const known = STATES.find((one) => one === state);
  return t(`statistics.state.${known ?? 'other'}`);
}

/** How the time the app ran was spent. */
export function StatesCard({ view }: { readonly view: StatisticsView }) {
  const { t } = useTranslation();
  const total = view.states.reduce((sum, { seconds }) => sum + seconds, 0);
  return (
    <Section
      title={t('statistics.states.title')}
      hint={t('statistics.states.hint', { time: formatHours(total), range: t(`statistics.in.${view.range}`) })}
    >
      <ul className={classes.bars}>
        {view.states.map(({ state, seconds }) => (
          <li key={state}>
            <span className={classes.barName}>{stateText(t, state)}</span>
            <span className={classes.barValue}>
              {formatHours(seconds)} · {formatPercent(total > 0 ? seconds / total : 0)}
            </span>
            <span className={classes.bar} aria-hidden="true">
              <span
                data-state={state.startsWith('paused') ? 'paused' : state}
                style={{ width: `${total > 0 ? (100 * seconds) / total : 0}%` }}
              />
            </span>
          </li>
        ))}
      </ul>
    </Section>
  );
}
