import { Button, Modal, SegmentedControl } from '@mantine/core';
import { useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { SessionCallValues } from '../../../contract';
import type { InvitationView, SessionHead } from '../../../protocol/wire/session-messages';
import { callOrNotify } from '../../app/notify';
import { CopyButton } from '../../components/CopyButton';
import { formatDay } from '../../format/times';
import { callTore } from '../../stores/tore-api';
import { CountInput } from './CountInput';
import classes from './Sessions.module.css';

interface InviteDialogProps {
  readonly opened: boolean;
  readonly onClose: () => void;
  readonly head: SessionHead;
}

type Made = SessionCallValues['sessions:invite'];

function MadeInvitation({ made }: { readonly made: Made }) {
  const { t } = useTranslation();
  const isLoopback = /host=http%3A%2F%2F(127\.|localhost|%5B%3A%3A1)/i.test(made.link);
  return (
    <div className={classes.made}>
      <p className={classes.label}>{t('sessions.invitation.link')}</p>
      <div className={classes.copyRow}>
        <code className={classes.code} data-testid="invitation-link">
          {made.link}
        </code>
        <CopyButton text={made.link} />
      </div>
      <p className={classes.label}>{t('sessions.invitation.code')}</p>
      <div className={classes.copyRow}>
        <code className={classes.code}>{made.code}</code>
        <CopyButton text={made.code} />
      </div>
      <p className={classes.hint}>{t('sessions.invitation.once')}</p>
      {isLoopback && <p className={classes.notice}>{t('sessions.invitation.loopback')}</p>}
    </div>
  );
}

/** Makes invitations, and shows those that are still open. */
function InviteForm({ sessionId }: { readonly sessionId: string }) {
  const { t } = useTranslation();
  const [role, setRole] = useState<'member' | 'observer'>('member');
  const [uses, setUses] = useState(1);
  const [days, setDays] = useState(7);
  const [made, setMade] = useState<Made | null>(null);
  const [open, setOpen] = useState<readonly InvitationView[]>([]);
  const [busy, setBusy] = useState(false);
  useEffect(() => {
    void callTore('sessions:invitations', { sessionId }).then((result) => {
      if (result.ok) setOpen(result.value);
    });
  }, [sessionId]);
  const make = async (): Promise<void> => {
    setBusy(true);
    const result = await callOrNotify('invite', 'sessions:invite', { sessionId, role, uses, days });
    setBusy(false);
    if (!result.ok) return;
    setMade(result.value);
    setOpen([...open, result.value.invitation]);
  };
  const withdraw = async (invitationId: string): Promise<void> => {
    const result = await callOrNotify('invite', 'sessions:withdraw', { sessionId, invitationId });
    if (result.ok) setOpen(open.filter(({ id }) => id !== invitationId));
  };
  return (
    <div className={classes.form}>
      <div>
        <p className={classes.label} id="invitation-role">
          {t('sessions.invitation.role')}
        </p>
        <SegmentedControl
          fullWidth
          aria-labelledby="invitation-role"
          value={role}
          onChange={(value) => setRole(value === 'observer' ? 'observer' : 'member')}
          data={[
            { value: 'member', label: t('sessions.role.member') },
            { value: 'observer', label: t('sessions.role.observer') },
          ]}
        />
      </div>
      <div className={classes.pair}>
        <CountInput label={t('sessions.invitation.uses')} value={uses} min={1} max={1_000} onChange={setUses} />
        <CountInput label={t('sessions.invitation.days')} value={days} min={1} max={90} onChange={setDays} />
      </div>
      <Button loading={busy} onClick={() => void make()} data-testid="invitation-make">
        {t('sessions.invitation.make')}
      </Button>
      {made !== null && <MadeInvitation made={made} />}
      {open.length > 0 && (
        <div>
          <p className={classes.label}>{t('sessions.invitation.open')}</p>
          <ul className={classes.people}>
            {open.map((invitation) => (
              <li key={invitation.id} className={classes.invitation}>
                <span>
                  {t(`sessions.role.${invitation.role}`)} ·{' '}
                  {t('sessions.invitation.used', {
                    used: invitation.used,
                    uses: invitation.uses,
                    date: formatDay(new Date(invitation.expires_at)),
                  })}
                </span>
                <Button size="compact-xs" variant="default" onClick={() => void withdraw(invitation.id)}>
                  {t('sessions.invitation.withdraw')}
                </Button>
              </li>
            ))}
          </ul>
        </div>
      )}
    </div>
  );
}

/** The dialog that makes invitations. Its content begins anew each time it opens. */
export function InviteDialog({ opened, onClose, head }: InviteDialogProps) {
  const { t } = useTranslation();
  return (
    <Modal
      opened={opened}
      onClose={onClose}
      title={t('sessions.invitation.title', { title: head.title })}
      closeButtonProps={{ 'aria-label': t('common.close') }}
    >
      {opened && <InviteForm sessionId={head.id} />}
    </Modal>
  );
}
