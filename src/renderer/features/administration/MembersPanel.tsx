import { Button, NumberInput, Table, TextInput } from '@mantine/core';
import { IconMailOff, IconUsers } from '@tabler/icons-react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { callOrNotify } from '../../app/notify';
import { CopyButton } from '../../components/CopyButton';
import { EmptyState } from '../../components/EmptyState';
import { ShortId } from '../../components/ShortId';
import { formatMoment } from '../../format/times';
import { useNow } from '../../stores/use-now';
import classes from './Administration.module.css';
import { coordinatorWord } from './coordinator-word';
import { Panel } from './Panel';
import { useReading } from '../../stores/use-reading';

const DEFAULT_DAYS = 14;

/** Makes an invitation; its code is shown once. */
function InvitationForm({ onMade }: { readonly onMade: () => void }) {
  const { t } = useTranslation();
  const [note, setNote] = useState('');
  const [maxUses, setMaxUses] = useState<number | string>(1);
  const [days, setDays] = useState<number | string>(DEFAULT_DAYS);
  const [code, setCode] = useState<string | null>(null);
  const isComplete = typeof maxUses === 'number' && maxUses >= 1 && typeof days === 'number' && days >= 1;
  const create = async (): Promise<void> => {
    if (!isComplete) return;
    const input = { note: note.trim(), maxUses, days };
    const result = await callOrNotify('administration', 'administration:create-invitation', input);
    if (!result.ok) return;
    setNote('');
    setCode(result.value.code);
    onMade();
  };
  return (
    <>
      <form
        className={classes.form}
        onSubmit={(event) => {
          event.preventDefault();
          void create();
        }}
      >
        <TextInput
          className={classes.grow ?? ''}
          label={t('administration.invitations.note')}
          value={note}
          maxLength={200}
          onChange={(event) => setNote(event.currentTarget.value)}
        />
        <NumberInput
          className={classes.short ?? ''}
          label={t('administration.invitations.uses')}
          min={1}
          max={100_000}
          allowDecimal={false}
          value={maxUses}
          onChange={setMaxUses}
        />
        <NumberInput
          className={classes.short ?? ''}
          label={t('administration.invitations.days')}
          min={1}
          max={365}
          allowDecimal={false}
          value={days}
          onChange={setDays}
        />
        <Button type="submit" disabled={!isComplete} data-testid="invitation-create">
          {t('administration.invitations.create')}
        </Button>
      </form>
      {code !== null && (
        <div role="status" className={classes.made}>
          <p className={classes.quiet}>{t('administration.invitations.shownOnce')}</p>
          <code data-testid="invitation-code">{code}</code>
          <CopyButton text={code} label={t('administration.invitations.copy')} />
        </div>
      )}
    </>
  );
}

/** Who may come in: invitations and members. */
export function MembersPanel() {
  const { t } = useTranslation();
  const nowMs = useNow(60_000);
  const invitations = useReading('administration:get-invitations', null);
  const members = useReading('administration:get-members', null);
  const revoke = async (invitationId: string): Promise<void> => {
    const result = await callOrNotify('administration', 'administration:revoke-invitation', { invitationId });
    if (result.ok) invitations.refresh();
  };
  const remove = async (publicKey: string): Promise<void> => {
    const result = await callOrNotify('administration', 'administration:remove-member', { publicKey });
    if (result.ok) members.refresh();
  };
  return (
    <>
      <Panel
        title={t('administration.invitations.title')}
        hint={t('administration.invitations.hint')}
        reading={invitations}
      >
        {(value) => (
          <>
            <InvitationForm onMade={invitations.refresh} />
            {value.invitations.length === 0 ? (
              <EmptyState icon={IconMailOff} title={t('administration.invitations.emptyTitle')}>
                {t('administration.invitations.empty')}
              </EmptyState>
            ) : (
              <Table aria-label={t('administration.invitations.title')}>
                <Table.Tbody>
                  {value.invitations.map((invitation) => (
                    <Table.Tr key={invitation.id}>
                      <Table.Td>
                        <code>{invitation.hint}…</code>
                        <span className={classes.quiet}>{invitation.note}</span>
                      </Table.Td>
                      <Table.Td>
                        {t('administration.invitations.used', { uses: invitation.uses, of: invitation.max_uses })}
                      </Table.Td>
                      <Table.Td>
                        {coordinatorWord(t, invitation.state)}
                        <span className={classes.quiet}>
                          {t('administration.invitations.until', { time: formatMoment(invitation.expires_at, nowMs) })}
                        </span>
                      </Table.Td>
                      <Table.Td className={classes.number ?? ''}>
                        {invitation.state === 'open' && (
                          <Button size="compact-sm" variant="default" onClick={() => void revoke(invitation.id)}>
                            {t('administration.invitations.revoke')}
                          </Button>
                        )}
                      </Table.Td>
                    </Table.Tr>
                  ))}
                </Table.Tbody>
              </Table>
            )}
          </>
        )}
      </Panel>
      <Panel title={t('administration.members.title')} reading={members}>
        {(value) =>
          value.members.length === 0 ? (
            <EmptyState icon={IconUsers} title={t('administration.members.emptyTitle')}>
              {t('administration.members.empty')}
            </EmptyState>
          ) : (
            <Table aria-label={t('administration.members.title')}>
              <Table.Tbody>
                {value.members.map((member) => (
                  <Table.Tr key={member.public_key}>
                    <Table.Td>
                      <ShortId id={member.public_key} copy />
                      <span className={classes.quiet}>{member.note}</span>
                    </Table.Td>
                    <Table.Td>{member.roles.map((role) => coordinatorWord(t, role)).join(', ')}</Table.Td>
                    <Table.Td>
                      {coordinatorWord(t, member.state)}
                      <span className={classes.quiet}>{formatMoment(member.joined_at, nowMs)}</span>
                    </Table.Td>
                    <Table.Td className={classes.number ?? ''}>
                      <Button size="compact-sm" variant="default" onClick={() => void remove(member.public_key)}>
                        {t('administration.members.remove')}
                      </Button>
                    </Table.Td>
                  </Table.Tr>
                ))}
              </Table.Tbody>
            </Table>
          )
        }
      </Panel>
    </>
  );
}
