import { Anchor, Button } from '@mantine/core';
import {
  IconAlertTriangle,
  IconArrowDownLeft,
  IconArrowUpRight,
  IconHistory,
  IconInfoCircle,
  IconRoute,
  IconShieldCheck,
  IconToggleRight,
  type Icon,
} from '@tabler/icons-react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { AppEvent } from '../../../contract';
import { EmptyState } from '../../components/EmptyState';
import { Section } from '../../components/Section';
import { formatCount } from '../../format/numbers';
import { formatAgo, formatExactTime } from '../../format/times';
import { useSnapshot } from '../../stores/snapshot-store';
import { showStatistics } from '../../stores/ui-store';
import { useNow } from '../../stores/use-now';
import classes from './Dashboard.module.css';

const SHOWN_AT_FIRST = 6;
const REFRESH_MS = 30_000;

const KINDS = {
  state: { icon: IconToggleRight, label: 'dashboard.events.kindState' },
  earning: { icon: IconArrowDownLeft, label: 'dashboard.events.kindEarning' },
  spending: { icon: IconArrowUpRight, label: 'dashboard.events.kindSpending' },
  challenge: { icon: IconShieldCheck, label: 'dashboard.events.kindChallenge' },
  coverage: { icon: IconRoute, label: 'dashboard.events.kindCoverage' },
  notice: { icon: IconInfoCircle, label: 'dashboard.events.kindNotice' },
  error: { icon: IconAlertTriangle, label: 'dashboard.events.kindError' },
} as const satisfies Record<AppEvent['kind'], { readonly icon: Icon; readonly label: string }>;

function EventRow({ event, nowMs }: { readonly event: AppEvent; readonly nowMs: number }) {
  const { t } = useTranslation();
  const { icon: Shape, label } = KINDS[event.kind];
  return (
    <li className={classes.event} data-kind={event.kind}>
      <Shape size={18} stroke={1.5} role="img" aria-label={t(label)} />
      <span className={classes.eventText}>{event.text}</span>
      <time className={classes.eventTime} dateTime={event.at} title={formatExactTime(event.at)}>
        {formatAgo(t, event.at, nowMs)}
      </time>
    </li>
  );
}

/** What happened last, newest first. */
export function EventsCard() {
  const { t } = useTranslation();
  const events = useSnapshot((snapshot) => snapshot.events);
  const [all, setAll] = useState(false);
  const nowMs = useNow(REFRESH_MS);
  const shown = all ? events : events.slice(0, SHOWN_AT_FIRST);
  return (
    <Section
      title={t('dashboard.events.title')}
      actions={
        <Anchor component="button" type="button" size="sm" onClick={() => showStatistics('log')}>
          {t('dashboard.events.log')}
        </Anchor>
      }
    >
      {events.length === 0 ? (
        <EmptyState icon={IconHistory} title={t('dashboard.events.emptyTitle')}>
          {t('dashboard.events.empty')}
        </EmptyState>
      ) : (
        <ul className={classes.events}>
          {shown.map((event) => (
            <EventRow key={event.id} event={event} nowMs={nowMs} />
          ))}
        </ul>
      )}
      {events.length > SHOWN_AT_FIRST && (
        <div>
          <Button variant="default" size="xs" aria-expanded={all} onClick={() => setAll(!all)}>
            {all
              ? t('dashboard.events.showFewer')
              : t('dashboard.events.showAll', { count: events.length, shown: formatCount(events.length) })}
          </Button>
        </div>
      )}
    </Section>
  );
}
