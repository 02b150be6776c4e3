import { ActionIcon, Menu, SegmentedControl } from '@mantine/core';
import { IconDots, IconRobot } from '@tabler/icons-react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { SessionView } from '../../../contract';
import type { SessionParticipant } from '../../../protocol/session/session';
import { callOrNotify } from '../../app/notify';
import { formatExactTime } from '../../format/times';
import { authorStyle } from './author-colour';
import { FilesPanel } from './FilesPanel';
import { OwnModelCard } from './OwnModelCard';
import classes from './Sessions.module.css';
import { StatementPanel } from './StatementPanel';

interface PersonProps {
  readonly view: SessionView;
  readonly person: SessionParticipant;
  readonly isOwner: boolean;
}

function hasLeft(person: SessionParticipant): boolean {
  return typeof person.left_at === 'string';
}

function Person({ view, person, isOwner }: PersonProps) {
  const { t } = useTranslation();
  const { state } = view;
  const isMe = person.id === state.participantId;
  const isGone = hasLeft(person);
  const isPresent = state.present.some(({ participant_id: id }) => id === person.id);
  const presence = t(`sessions.panel.${isGone ? 'left' : isPresent ? 'present' : 'absent'}`);
  const setRole = (role: 'owner' | 'member' | 'observer' | 'removed'): void => {
    void callOrNotify('session', 'sessions:set-role', { sessionId: state.head.id, participantId: person.id, role });
  };
  return (
    <li
      className={classes.person}
      data-left={isGone || undefined}
      style={authorStyle(state.participants, person.id)}
      data-testid="session-person"
    >
      <span
        className={classes.presence}
        data-present={isPresent || undefined}
        title={presence}
        aria-label={presence}
        role="img"
      />
      <div className={classes.personText}>
        <p className={classes.personName}>
          <span className={classes.cut} title={person.display_name}>
            {person.display_name}
          </span>
          {isMe && <span className={classes.quiet}> ({t('sessions.you')})</span>}
        </p>
        <p className={classes.itemFacts}>
          {t(`sessions.role.${person.role}`)}
          {typeof person.model === 'object' && person.model !== null && (
            <span className={classes.badge} title={person.model.model_id}>
              <IconRobot size={12} stroke={1.5} aria-hidden="true" />
              <span className={classes.cut}>{person.model.model_id}</span>
            </span>
          )}
        </p>
      </div>
      {isOwner && !isMe && !isGone && (
        <Menu position="bottom-end" withinPortal>
          <Menu.Target>
            <ActionIcon
              variant="subtle"
              color="gray"
              size="sm"
              aria-label={t('sessions.panel.actions', { name: person.display_name })}
            >
              <IconDots size={16} stroke={1.5} />
            </ActionIcon>
          </Menu.Target>
          <Menu.Dropdown>
            {(['owner', 'member', 'observer'] as const)
              .filter((role) => role !== person.role)
              .map((role) => (
                <Menu.Item key={role} onClick={() => setRole(role)}>
                  {t('sessions.panel.makeRole', { role: t(`sessions.role.${role}`).toLowerCase() })}
                </Menu.Item>
              ))}
            <Menu.Item color="coral" onClick={() => setRole('removed')}>
              {t('sessions.panel.remove')}
            </Menu.Item>
          </Menu.Dropdown>
        </Menu>
      )}
    </li>
  );
}

function AgreementPanel({ view }: { readonly view: SessionView }) {
  const { t } = useTranslation();
  const { agreement, head } = view.state;
  if (agreement === null) return <p className={classes.quiet}>{t('sessions.panel.noAgreement')}</p>;
  const { purpose, data_handling: data, expires_at: until } = agreement.terms;
  return (
    <dl className={classes.facts}>
      <dt>{t('sessions.panel.parties')}</dt>
      <dd>
        {agreement.parties.map(({ name, institution }) => (institution ? `${name}, ${institution}` : name)).join(' · ')}
      </dd>
      <dt>{t('sessions.panel.purpose')}</dt>
      <dd>{purpose}</dd>
      <dt>{t('sessions.panel.data')}</dt>
      <dd>{data}</dd>
      <dt>{t('sessions.panel.unit')}</dt>
      <dd>{head.cost_unit}</dd>
      <dt>{t('sessions.panel.validUntil')}</dt>
      <dd>{typeof until === 'string' ? formatExactTime(until) : t('sessions.panel.noEnd')}</dd>
      <dd className={classes.quiet}>{t('sessions.panel.signedBy')}</dd>
    </dl>
  );
}

const TABS = ['participants', 'files', 'agreement', 'statement'] as const;

interface SidePanelProps {
  readonly view: SessionView;
  readonly isOwner: boolean;
}

/** Beside the turns: who is there, with which model, on what agreement, and what it cost. */
export function SidePanel({ view, isOwner }: SidePanelProps) {
  const { t } = useTranslation();
  const [tab, setTab] = useState<(typeof TABS)[number]>('participants');
  const { participants } = view.state;
  const sorted = [...participants].sort((a, b) => Number(hasLeft(a)) - Number(hasLeft(b)));
  return (
    <div className={classes.panelBody}>
      <SegmentedControl
        fullWidth
        size="xs"
        value={tab}
        aria-label={t('sessions.panel.toggle')}
        onChange={(value) => setTab(value as typeof tab)}
        data={TABS.map((value) => ({
          value,
          label: t(`sessions.panel.${value}`),
        }))}
      />
      {tab === 'participants' && (
        <>
          <ul className={classes.people}>
            {sorted.map((person) => (
              <Person key={person.id} view={view} person={person} isOwner={isOwner} />
            ))}
          </ul>
          <OwnModelCard view={view} />
        </>
      )}
      {tab === 'files' && <FilesPanel view={view} />}
      {tab === 'agreement' && <AgreementPanel view={view} />}
      {tab === 'statement' && <StatementPanel view={view} />}
    </div>
  );
}
