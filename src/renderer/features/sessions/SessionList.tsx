import { ActionIcon, Tooltip, UnstyledButton } from '@mantine/core';
import { IconCircleDot, IconCloudOff, IconLink, IconLock, IconPlus } from '@tabler/icons-react';
import { useTranslation } from 'react-i18next';
import type { SessionSummary } from '../../../contract';
import { formatAgo } from '../../format/times';
import { openSession, useSessionsStore } from '../../stores/sessions-store';
import { useNow } from '../../stores/use-now';
import classes from './Sessions.module.css';

interface SessionListProps {
  readonly onDialog: (dialog: 'new' | 'join') => void;
  readonly onPick: () => void;
}

function StateIcon({ session }: { readonly session: SessionSummary }) {
  const { t } = useTranslation();
  if (session.ended !== null || session.status === 'closed') {
    return (
      <IconLock size={14} stroke={1.5} aria-label={t(session.ended === null ? 'sessions.closed' : 'sessions.ended')} />
    );
  }
  return session.link === 'offline' ? (
    <IconCloudOff size={14} stroke={1.5} aria-label={t('sessions.linkOffline')} />
  ) : (
    <IconCircleDot size={14} stroke={1.5} aria-label={t(`sessions.${session.mode}`)} className={classes.online} />
  );
}

function Item({ session, onPick }: { readonly session: SessionSummary; readonly onPick: () => void }) {
  const { t } = useTranslation();
  const current = useSessionsStore(({ openId }) => openId === session.id);
  const nowMs = useNow(60_000);
  return (
    <li>
      <UnstyledButton
        className={classes.item}
        aria-current={current ? 'true' : undefined}
        data-testid="session-item"
        onClick={() => {
          openSession(session.id);
          onPick();
        }}
      >
        <span className={classes.itemTitle}>
          <StateIcon session={session} />
          <span className={classes.cut}>{session.title}</span>
          {session.unread > 0 && !current && (
            <span className={classes.unread} aria-label={t('sessions.unread', { count: session.unread })}>
              {session.unread > 99 ? '99+' : session.unread}
            </span>
          )}
        </span>
        <span className={classes.itemFacts}>
          {t('sessions.people', { count: session.participants })} · {t('sessions.turns', { count: session.turns })} ·{' '}
          {formatAgo(t, session.updatedAt, nowMs)}
        </span>
      </UnstyledButton>
    </li>
  );
}

/** This person's sessions, the last active first. */
export function SessionList({ onDialog, onPick }: SessionListProps) {
  const { t } = useTranslation();
  const list = useSessionsStore(({ list }) => list);
  const hostError = list?.hostError ?? null;
  return (
    <>
      <div className={classes.listHead}>
        <h2 className={classes.listTitle}>{t('sessions.list')}</h2>
        <Tooltip label={t('sessions.join')}>
          <ActionIcon variant="default" aria-label={t('sessions.join')} onClick={() => onDialog('join')}>
            <IconLink size={16} stroke={1.5} />
          </ActionIcon>
        </Tooltip>
        <Tooltip label={t('sessions.new')}>
          <ActionIcon variant="default" aria-label={t('sessions.new')} onClick={() => onDialog('new')}>
            <IconPlus size={16} stroke={1.5} />
          </ActionIcon>
        </Tooltip>
      </div>
      {hostError !== null && (
        <p className={classes.notice} role="status">
          {t('sessions.hostOffline', { reason: hostError.message })}
        </p>
      )}
      <ul className={classes.items}>
        {list?.sessions.map((session) => (
          <Item key={session.id} session={session} onPick={onPick} />
        ))}
      </ul>
    </>
  );
}
