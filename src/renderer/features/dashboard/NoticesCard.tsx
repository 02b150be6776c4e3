import { Anchor, Button } from '@mantine/core';
import { IconBell } from '@tabler/icons-react';
import { useTranslation } from 'react-i18next';
import { callOrNotify } from '../../app/notify';
import { formatAgo } from '../../format/times';
import { useSnapshot } from '../../stores/snapshot-store';
import { showStatistics } from '../../stores/ui-store';
import { useNow } from '../../stores/use-now';
import classes from './Dashboard.module.css';

/** Word from the coordinator that was not read yet. Nothing where there is none. */
export function NoticesCard() {
  const { t } = useTranslation();
  const notices = useSnapshot(({ unreadNotices }) => unreadNotices);
  const nowMs = useNow(60_000);
  const [newest] = notices;
  if (newest === undefined) return null;
  return (
    <section className={classes.notice} aria-label={t('statistics.notices.title')} data-testid="dashboard-notice">
      <IconBell size={20} stroke={1.5} aria-hidden="true" />
      <div className={classes.noticeText}>
        <p>{newest.text}</p>
        <p className={classes.quiet}>
          {newest.from} · {formatAgo(t, newest.lastAt, nowMs)}
          {notices.length > 1 && (
            <>
              {' · '}
              <Anchor component="button" type="button" size="sm" onClick={() => showStatistics('notices')}>
                {t('statistics.notices.show')}
              </Anchor>
            </>
          )}
        </p>
      </div>
      <Button
        variant="default"
        size="xs"
        onClick={() => void callOrNotify('notices', 'notices:mark-read', { id: newest.id })}
      >
        {t('statistics.notices.read')}
      </Button>
    </section>
  );
}
