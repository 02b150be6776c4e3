import { Button, Drawer } from '@mantine/core';
import { useMediaQuery } from '@mantine/hooks';
import { IconLink, IconPlus, IconUsersGroup } from '@tabler/icons-react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { FailedState } from '../../components/FailedState';
import { beginUnder, fetchSession, forgetSessionLink, useSessionsStore } from '../../stores/sessions-store';
import { JoinDialog, NewSessionDialog } from './EntryDialogs';
import { SessionList } from './SessionList';
import { SessionRoom } from './SessionRoom';
import classes from './Sessions.module.css';

/** Below this width the list of sessions opens over the session. */
const NARROW = '(max-width: 1180px)';

/** Group sessions: the list, the open one, or what sessions are for. */
export function Sessions() {
  const { t } = useTranslation();
  const narrow = useMediaQuery(NARROW, false, { getInitialValueInEffect: false });
  const [listOpen, setListOpen] = useState(false);
  const [dialog, setDialog] = useState<'new' | 'join' | null>(null);
  const { list, openId, view, failure, openedLink, newUnder } = useSessionsStore();
  const isEmpty = list !== null && list.sessions.length === 0 && list.offers.length === 0;
  // Without the key of this computer there are no sessions at all, and the list says why.
  if (list === null && failure !== null) {
    return (
      <div className={classes.sessions}>
        <h1 className={classes.hidden}>{t('sessions.title')}</h1>
        <div className={classes.blank}>
          <FailedState title={t('sessions.unusable')} failure={failure} />
        </div>
      </div>
    );
  }
  const entries = <SessionList onDialog={setDialog} onPick={() => setListOpen(false)} />;
  return (
    <div className={classes.sessions}>
      <h1 className={classes.hidden}>{t('sessions.title')}</h1>
      {!isEmpty &&
        (narrow ? (
          <Drawer
            opened={listOpen}
            onClose={() => setListOpen(false)}
            size={300}
            title={t('sessions.list')}
            closeButtonProps={{ 'aria-label': t('common.close') }}
          >
            {entries}
          </Drawer>
        ) : (
          <aside className={classes.list} aria-label={t('sessions.list')}>
            {entries}
          </aside>
        ))}
      {view !== null && openId !== null ? (
        <SessionRoom key={openId} view={view} onOpenList={narrow ? () => setListOpen(true) : null} />
      ) : (
        <div className={classes.blank}>
          {failure !== null && openId !== null ? (
            <FailedState
              title={t('sessions.openFailed')}
              action={
                <Button variant="default" onClick={() => void fetchSession(openId)}>
                  {t('common.retry')}
                </Button>
              }
              failure={failure}
            />
          ) : openId !== null ? (
            <p role="status">{t('sessions.opening')}</p>
          ) : narrow && !isEmpty ? (
            <div className={classes.listAlone}>{entries}</div>
          ) : (
            <Begin isEmpty={isEmpty} onDialog={setDialog} />
          )}
        </div>
      )}
      <NewSessionDialog
        key={newUnder?.name ?? 'new'}
        opened={dialog === 'new' || newUnder !== null}
        under={newUnder}
        onClose={() => {
          setDialog(null);
          beginUnder(null);
        }}
      />
      <JoinDialog
        // A link from outside begins the form anew.
        key={openedLink ?? ''}
        opened={dialog === 'join' || openedLink !== null}
        openedLink={openedLink}
        onClose={() => {
          setDialog(null);
          forgetSessionLink();
        }}
      />
    </div>
  );
}

interface BeginProps {
  readonly isEmpty: boolean;
  readonly onDialog: (dialog: 'new' | 'join') => void;
}

function Begin({ isEmpty, onDialog }: BeginProps) {
  const { t } = useTranslation();
  const hostError = useSessionsStore(({ list }) => list?.hostError ?? null);
  return (
    <div className={classes.begin}>
      <IconUsersGroup size={40} stroke={1.25} aria-hidden="true" className={classes.beginIcon} />
      <h2 className={classes.beginTitle}>{t(isEmpty ? 'sessions.emptyTitle' : 'sessions.pickTitle')}</h2>
      {isEmpty && <p className={classes.quiet}>{t('sessions.emptyBody')}</p>}
      {hostError !== null && (
        <p className={classes.notice} role="status">
          {t('sessions.hostOffline', { reason: hostError.message })}
        </p>
      )}
      <div className={classes.row}>
        <Button
          leftSection={<IconPlus size={16} stroke={1.5} />}
          onClick={() => onDialog('new')}
          data-testid="session-begin"
        >
          {t('sessions.new')}
        </Button>
        <Button
          variant="default"
          leftSection={<IconLink size={16} stroke={1.5} />}
          onClick={() => onDialog('join')}
          data-testid="session-begin-join"
        >
          {t('sessions.join')}
        </Button>
      </div>
    </div>
  );
}
