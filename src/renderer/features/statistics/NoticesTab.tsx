import { Button } from '@mantine/core';
import { IconAlertTriangle, IconBell } from '@tabler/icons-react';
import { useTranslation } from 'react-i18next';
import { callOrNotify } from '../../app/notify';
import { EmptyState } from '../../components/EmptyState';
import { Section } from '../../components/Section';
import { failureText } from '../../format/failures';
import { formatCount } from '../../format/numbers';
import { formatExactTime, formatMoment } from '../../format/times';
import { useSnapshot } from '../../stores/snapshot-store';
import { useNow } from '../../stores/use-now';
import { useReading } from '../../stores/use-reading';
import classes from './Statistics.module.css';

/** New notices show within this time. */
const REFRESH_MS = 5_000;

/** Everything the coordinator had to say. */
export function NoticesTab() {
  const { t } = useTranslation();
  const nowMs = useNow(60_000);
  const unread = useSnapshot(({ unreadNotices }) => unreadNotices);
  const { value: notices, failure, refresh } = useReading('notices:get', null, REFRESH_MS);
  const markRead = async (id: number | null): Promise<void> => {
    await callOrNotify('notices', 'notices:mark-read', { id });
    refresh();
  };
  return (
    <Section
      title={t('statistics.notices.title')}
      hint={t('statistics.notices.hint')}
      actions={
        unread.length > 0 && (
          <Button variant="default" size="xs" onClick={() => void markRead(null)}>
            {t('statistics.notices.readAll')}
          </Button>
        )
      }
    >
      {failure !== null && notices === null && (
        <EmptyState icon={IconAlertTriangle} tone="attention" title={t('statistics.notices.failedTitle')}>
          {failureText(failure)}
        </EmptyState>
      )}
      {notices?.length === 0 && (
        <EmptyState icon={IconBell} title={t('statistics.notices.emptyTitle')}>
          {t('statistics.notices.empty')}
        </EmptyState>
      )}
      <ul className={classes.notices} data-testid="notices">
        {(notices ?? []).map((notice) => (
          <li key={notice.id} data-unread={!notice.read || undefined}>
            <p className={classes.noticeHead}>
              <span>{t(`statistics.notices.kind.${notice.kind}`)}</span>
              <span>{notice.from}</span>
              <time dateTime={notice.lastAt} title={formatExactTime(notice.lastAt)}>
                {formatMoment(notice.lastAt, nowMs)}
              </time>
              {notice.times > 1 && <span>{t('statistics.notices.times', { shown: formatCount(notice.times) })}</span>}
            </p>
            <p className={classes.noticeText}>{notice.text}</p>
            {!notice.read && (
              <Button variant="subtle" size="compact-xs" onClick={() => void markRead(notice.id)}>
                {t('statistics.notices.read')}
              </Button>
            )}
          </li>
        ))}
      </ul>
    </Section>
  );
}
