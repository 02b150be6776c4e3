import { ActionIcon, FileButton, Textarea, Tooltip } from '@mantine/core';
import { notifications } from '@mantine/notifications';
import { IconArrowUp, IconCloudOff, IconPaperclip, IconX } from '@tabler/icons-react';
import { useEffect, useRef, useState, type KeyboardEvent } from 'react';
import { useTranslation } from 'react-i18next';
import { MAX_TURN_FILES, type SessionView } from '../../../contract';
import { keepFootRoom } from '../../app/foot-room';
import { callOrNotify } from '../../app/notify';
import { EMPTY_DRAFT } from '../../stores/session-draft';
import {
  addSessionFiles,
  aimSessionDraft,
  changeSessionDraft,
  endSessionDraft,
  useSessionsStore,
} from '../../stores/sessions-store';
import { callTore } from '../../stores/tore-api';
import { readTurnFiles } from './read-turn-files';
import classes from './Sessions.module.css';

/** Typing is over after this long without a key. */
const TYPING_ENDS_MS = 4_000;

interface SessionComposerProps {
  readonly view: SessionView;
}

/** Tells the others that somebody is writing, and when it is over. */
function useTyping(sessionId: string): (writing: boolean) => void {
  const state = useRef<{ typing: boolean; timer: ReturnType<typeof setTimeout> | undefined }>({
    typing: false,
    timer: undefined,
  });
  const tell = (typing: boolean): void => {
    clearTimeout(state.current.timer);
    if (typing) state.current.timer = setTimeout(() => tell(false), TYPING_ENDS_MS);
    if (typing === state.current.typing) return;
    state.current.typing = typing;
    void callTore('sessions:typing', { sessionId, typing });
  };
  useEffect(() => () => clearTimeout(state.current.timer), []);
  return tell;
}

function WhoTypes({ view }: { readonly view: SessionView }) {
  const { t } = useTranslation();
  const { present, participants, participantId } = view.state;
  const names = present
    .filter(({ participant_id: id, typing }) => typing && id !== participantId)
    .map(({ participant_id: id }) => participants.find((each) => each.id === id)?.display_name ?? '?');
  return (
    <span className={classes.typing} role="status">
      {names.length === 0 ? '' : t('sessions.typing', { count: names.length, names: names.join(', ') })}
    </span>
  );
}

/** Why this person cannot write, or null. */
function useReadOnly(view: SessionView): string | null {
  const { t } = useTranslation();
  const { ended, head, participants, participantId } = view.state;
  if (ended !== null) return t('sessions.readOnly.ended', { reason: ended });
  if (head.status === 'closed') return t('sessions.readOnly.closed');
  const role = participants.find(({ id }) => id === participantId)?.role;
  return role === 'observer' ? t('sessions.readOnly.observer') : null;
}

/** Where turns are written. */
export function SessionComposer({ view }: SessionComposerProps) {
  const { t } = useTranslation();
  const sessionId = view.state.head.id;
  const draft = useSessionsStore(({ drafts }) => drafts[sessionId] ?? EMPTY_DRAFT);
  const { text, files, target } = draft;
  const [posting, setPosting] = useState(false);
  const inputRef = useRef<HTMLTextAreaElement>(null);
  const typing = useTyping(sessionId);
  const readOnly = useReadOnly(view);

  useEffect(() => {
    if (target !== null) inputRef.current?.focus();
  }, [target]);

  if (readOnly !== null) return <p className={classes.readOnly}>{readOnly}</p>;

  const canSend = !posting && (text.trim() !== '' || files.length > 0);
  const send = async (): Promise<void> => {
    if (!canSend) return;
    setPosting(true);
    const posted = await callOrNotify('postTurn', 'sessions:post', {
      sessionId,
      text,
      inReplyTo: target?.kind === 'reply' ? target.turnId : null,
      edits: target?.kind === 'edit' ? target.turnId : null,
      files: [...files],
    });
    setPosting(false);
    if (!posted.ok) return;
    typing(false);
    endSessionDraft(sessionId, draft);
    inputRef.current?.focus();
  };

  const onKeyDown = (event: KeyboardEvent<HTMLTextAreaElement>): void => {
    if (event.key === 'Escape' && target !== null) aimSessionDraft(sessionId, null);
    // While an input method composes a character, Enter belongs to it.
    if (event.key !== 'Enter' || event.shiftKey || event.nativeEvent.isComposing) return;
    event.preventDefault();
    void send();
  };

  const attach = async (picked: File[]): Promise<void> => {
    const refuse = (message: string): void => {
      notifications.show({ message, color: 'coral', role: 'alert' });
    };
    const { read, refused } = await readTurnFiles(picked);
    for (const { name, reason } of refused) {
      refuse(t(reason === 'size' ? 'sessions.fileTooLarge' : 'sessions.fileUnreadable', { name }));
    }
    const leftOut = addSessionFiles(sessionId, read);
    if (leftOut > 0) refuse(t('sessions.filesLeftOut', { count: leftOut, limit: MAX_TURN_FILES }));
  };

  return (
    <div ref={keepFootRoom} className={classes.composer}>
      {view.state.link !== 'current' && (
        <p className={classes.offline} role="status">
          <IconCloudOff size={14} stroke={1.5} aria-hidden="true" />
          {t(view.state.link === 'offline' ? 'sessions.linkOffline' : 'sessions.linkCatchingUp')}
        </p>
      )}
      {target !== null && (
        <p className={classes.target}>
          {t(target.kind === 'reply' ? 'sessions.replyingTo' : 'sessions.editing', { seq: target.seq })}
          <ActionIcon
            variant="subtle"
            color="gray"
            size="xs"
            aria-label={t(target.kind === 'reply' ? 'sessions.cancelReply' : 'sessions.cancelEdit')}
            onClick={() => aimSessionDraft(sessionId, null)}
          >
            <IconX size={14} stroke={1.5} />
          </ActionIcon>
        </p>
      )}
      {files.length > 0 && (
        <ul className={classes.files}>
          {files.map(({ name }, index) => (
            <li key={`${name}-${String(index)}`} className={classes.file}>
              <span className={classes.cut}>{name}</span>
              <ActionIcon
                variant="subtle"
                color="gray"
                size="xs"
                aria-label={t('sessions.removeFile', { name })}
                onClick={() => changeSessionDraft(sessionId, { files: files.filter((_, at) => at !== index) })}
              >
                <IconX size={14} stroke={1.5} />
              </ActionIcon>
            </li>
          ))}
        </ul>
      )}
      <div className={classes.composerRow}>
        <FileButton
          multiple
          inputProps={{ 'aria-label': t('sessions.attach') }}
          onChange={(picked) => void attach(picked)}
        >
          {(props) => (
            <Tooltip label={t('sessions.attach')}>
              <ActionIcon {...props} size={44} variant="default" aria-label={t('sessions.attach')}>
                <IconPaperclip size={18} stroke={1.5} />
              </ActionIcon>
            </Tooltip>
          )}
        </FileButton>
        <Textarea
          ref={inputRef}
          className={classes.composerInput ?? ''}
          aria-label={t('sessions.composer')}
          aria-describedby="session-keys"
          placeholder={t('sessions.composerPlaceholder')}
          value={text}
          maxLength={200_000}
          autosize
          minRows={1}
          maxRows={8}
          size="md"
          data-testid="session-input"
          onChange={(event) => {
            changeSessionDraft(sessionId, { text: event.currentTarget.value });
            typing(event.currentTarget.value !== '');
          }}
          onKeyDown={onKeyDown}
        />
        <ActionIcon
          size={44}
          variant="filled"
          aria-label={t('sessions.send')}
          disabled={!canSend}
          loading={posting}
          data-testid="session-send"
          onClick={() => void send()}
        >
          <IconArrowUp size={20} stroke={1.5} />
        </ActionIcon>
      </div>
      <div className={classes.composerFoot}>
        <WhoTypes view={view} />
        <span id="session-keys" className={classes.quiet}>
          {t('sessions.keys')}
        </span>
      </div>
    </div>
  );
}
