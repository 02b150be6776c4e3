import { ActionIcon, Button, Tooltip, UnstyledButton } from '@mantine/core';
import { IconCircleDot, IconCloudOff, IconFileCertificate, IconLink, IconLock, IconPlus } from '@tabler/icons-react';
import { useTranslation } from 'react-i18next';
import type { SessionOfferView, SessionSummary } from '../../../contract';
import { callOrNotify } from '../../app/notify';
import { formatAgo } from '../../format/times';
import { askToJoin, openSession, useSessionsStore } from '../../stores/sessions-store';
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

/** A session to which an agreement invites. */
function Offer({ offer }: { readonly offer: SessionOfferView }) {
  const { t } = useTranslation();
  const nowMs = useNow(60_000);
  const { sessionId, title, openedBy, openedAt, link } = offer;
  return (
    <li className={classes.offer} data-testid="session-offer">
      <p className={classes.itemTitle}>
        <IconFileCertificate size={14} stroke={1.5} aria-hidden="true" />
        <span className={classes.cut}>{title}</span>
      </p>
      <p className={classes.itemFacts}>
        {t('sessions.offeredBy', { name: openedBy, time: formatAgo(t, openedAt, nowMs) })}
      </p>
      <span className={classes.offerActions}>
        <Button size="compact-xs" onClick={() => askToJoin(link)} data-testid="session-offer-join">
          {t('sessions.joining.submit')}
        </Button>
        <Button
          size="compact-xs"
          variant="default"
          onClick={() => void callOrNotify('session', 'sessions:decline-offer', { sessionId })}
        >
          {t('sessions.declineOffer')}
        </Button>
      </span>
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
      {list !== null && list.offers.length > 0 && (
        <section className={classes.offers} aria-label={t('sessions.offers')}>
          <h3 className={classes.label}>{t('sessions.offers')}</h3>
          <ul className={classes.items}>
            {list.offers.map((offer) => (
              <Offer key={offer.sessionId} offer={offer} />
            ))}
          </ul>
        </section>
      )}
      <ul className={classes.items}>
        {list?.sessions.map((session) => (
          <Item key={session.id} session={session} onPick={onPick} />
        ))}
      </ul>
    </>
  );
}
