import { ActionIcon, Button, Drawer, Menu, Modal, TextInput, Tooltip } from '@mantine/core';
import { useMediaQuery } from '@mantine/hooks';
import { notifications } from '@mantine/notifications';
import {
  IconDotsVertical,
  IconLayoutSidebarRight,
  IconList,
  IconLock,
  IconSearch,
  IconUserPlus,
} from '@tabler/icons-react';
import { useMemo, useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { SessionView } from '../../../contract';
import { textOf } from '../../../protocol/session/answer-rules';
import { callOrNotify } from '../../app/notify';
import { aimSessionDraft, openSession } from '../../stores/sessions-store';
import { InviteDialog } from './InviteDialog';
import { SessionComposer } from './SessionComposer';
import { SidePanel } from './SidePanel';
import classes from './Sessions.module.css';
import { TurnList } from './TurnList';

/** Below this width the side panel opens over the turns. */
const NARROW = '(max-width: 980px)';

interface SessionRoomProps {
  readonly view: SessionView;
  readonly onOpenList: (() => void) | null;
}

type Question = 'close' | 'leave' | 'forget';

function QuestionDialog({
  question,
  sessionId,
  onDone,
}: {
  question: Question | null;
  sessionId: string;
  onDone: () => void;
}) {
  const { t } = useTranslation();
  const act = async (): Promise<void> => {
    if (question === null) return;
    const done = await callOrNotify('session', `sessions:${question}`, { sessionId });
    if (done.ok && question === 'forget') openSession(null);
    onDone();
  };
  const shown = question ?? 'close';
  return (
    <Modal
      opened={question !== null}
      onClose={onDone}
      title={t(`sessions.${shown}`)}
      closeButtonProps={{ 'aria-label': t('common.close') }}
    >
      <p>{t(`sessions.${shown}Question`)}</p>
      <div className={classes.actions}>
        <Button variant="default" onClick={onDone} data-autofocus>
          {t('common.cancel')}
        </Button>
        <Button color="coral" onClick={() => void act()}>
          {t(`sessions.${shown}`)}
        </Button>
      </div>
    </Modal>
  );
}

/** The open session: its turns, the place to write, and beside them people, agreement and costs. */
export function SessionRoom({ view, onOpenList }: SessionRoomProps) {
  const { t } = useTranslation();
  const narrow = useMediaQuery(NARROW, false, { getInitialValueInEffect: false });
  const [panelOpen, setPanelOpen] = useState(true);
  const [drawerOpen, setDrawerOpen] = useState(false);
  const [inviting, setInviting] = useState(false);
  const [question, setQuestion] = useState<Question | null>(null);
  const [searching, setSearching] = useState(false);
  const [query, setQuery] = useState('');
  const { state, turns } = view;
  const { head } = state;
  const me = state.participants.find(({ id }) => id === state.participantId);
  const isOwner = me?.role === 'owner' && state.ended === null && head.status === 'open';

  const words = query.trim().toLowerCase();
  const shown = useMemo(
    () => (searching && words !== '' ? turns.filter((turn) => textOf(turn).toLowerCase().includes(words)) : turns),
    [searching, words, turns],
  );

  const exportAs = async (what: 'session' | 'project' | 'statement'): Promise<void> => {
    const done = await callOrNotify('exportSession', 'sessions:export', { sessionId: head.id, what });
    if (done.ok && done.value !== null) {
      notifications.show({ message: t('sessions.exported', { path: done.value.path }), color: 'turquoise' });
    }
  };

  const panel = <SidePanel view={view} isOwner={isOwner} />;
  return (
    <div className={classes.room}>
      <header className={classes.header}>
        {onOpenList !== null && (
          <ActionIcon variant="subtle" color="gray" aria-label={t('sessions.list')} onClick={onOpenList}>
            <IconList size={18} stroke={1.5} />
          </ActionIcon>
        )}
        <div className={classes.headerText}>
          <h2 className={classes.roomTitle} title={head.title}>
            {head.title}
          </h2>
          <p className={classes.itemFacts}>
            {head.status === 'closed' && <IconLock size={12} stroke={1.5} aria-hidden="true" />}{' '}
            {t(head.status === 'closed' ? 'sessions.closed' : `sessions.${head.mode}`)} ·{' '}
            {t('sessions.turns', { count: turns.length })}
          </p>
        </div>
        <Tooltip label={t('sessions.search')}>
          <ActionIcon
            variant={searching ? 'light' : 'subtle'}
            color="gray"
            aria-label={t('sessions.search')}
            aria-pressed={searching}
            onClick={() => setSearching(!searching)}
          >
            <IconSearch size={18} stroke={1.5} />
          </ActionIcon>
        </Tooltip>
        {isOwner && (
          <Button
            size="xs"
            variant="default"
            leftSection={<IconUserPlus size={16} stroke={1.5} />}
            onClick={() => setInviting(true)}
            data-testid="session-invite"
          >
            {t('sessions.invite')}
          </Button>
        )}
        <Menu position="bottom-end" withinPortal>
          <Menu.Target>
            <ActionIcon variant="subtle" color="gray" aria-label={t('sessions.menu')} data-testid="session-menu">
              <IconDotsVertical size={18} stroke={1.5} />
            </ActionIcon>
          </Menu.Target>
          <Menu.Dropdown>
            <Menu.Item onClick={() => void exportAs('session')} data-testid="session-export">
              {t('sessions.exportSession')}
            </Menu.Item>
            <Menu.Item onClick={() => void exportAs('project')}>{t('sessions.exportProject')}</Menu.Item>
            <Menu.Item onClick={() => void exportAs('statement')} data-testid="session-export-statement">
              {t('sessions.exportStatement')}
            </Menu.Item>
            <Menu.Divider />
            {isOwner && <Menu.Item onClick={() => setQuestion('close')}>{t('sessions.close')}</Menu.Item>}
            {state.ended === null && <Menu.Item onClick={() => setQuestion('leave')}>{t('sessions.leave')}</Menu.Item>}
            {state.ended !== null && (
              <Menu.Item onClick={() => setQuestion('forget')}>{t('sessions.forget')}</Menu.Item>
            )}
          </Menu.Dropdown>
        </Menu>
        <Tooltip label={t('sessions.panel.toggle')}>
          <ActionIcon
            variant="subtle"
            color="gray"
            aria-label={t('sessions.panel.toggle')}
            aria-pressed={narrow ? drawerOpen : panelOpen}
            data-testid="session-panel-toggle"
            onClick={() => (narrow ? setDrawerOpen(!drawerOpen) : setPanelOpen(!panelOpen))}
          >
            <IconLayoutSidebarRight size={18} stroke={1.5} />
          </ActionIcon>
        </Tooltip>
      </header>
      {searching && (
        <div className={classes.search}>
          <TextInput
            aria-label={t('sessions.search')}
            placeholder={t('sessions.search')}
            leftSection={<IconSearch size={16} stroke={1.5} />}
            value={query}
            data-autofocus
            autoFocus
            onChange={(event) => setQuery(event.currentTarget.value)}
            onKeyDown={(event) => {
              if (event.key === 'Escape') setSearching(false);
            }}
          />
          {words !== '' && (
            <p className={classes.itemFacts} role="status">
              {shown.length === 0 ? t('sessions.noMatches') : t('sessions.matches', { count: shown.length })}
            </p>
          )}
        </div>
      )}
      <div className={classes.body}>
        <div className={classes.main}>
          {state.conflict && (
            <p className={classes.alarm} role="alert">
              {t('sessions.conflict')}
            </p>
          )}
          <TurnList
            view={view}
            shown={shown}
            searching={searching && words !== ''}
            onTarget={(target) => aimSessionDraft(head.id, target)}
          />
          <SessionComposer view={view} />
        </div>
        {narrow ? (
          <Drawer
            opened={drawerOpen}
            onClose={() => setDrawerOpen(false)}
            position="right"
            size={320}
            title={t('sessions.panel.toggle')}
            closeButtonProps={{ 'aria-label': t('common.close') }}
          >
            {panel}
          </Drawer>
        ) : (
          panelOpen && (
            <aside className={classes.panel} aria-label={t('sessions.panel.toggle')}>
              {panel}
            </aside>
          )
        )}
      </div>
      <InviteDialog opened={inviting} onClose={() => setInviting(false)} head={head} />
      <QuestionDialog question={question} sessionId={head.id} onDone={() => setQuestion(null)} />
    </div>
  );
}
