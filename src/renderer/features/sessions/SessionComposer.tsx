import { ActionIcon, FileButton, Textarea, Tooltip } from '@mantine/core';
import { notifications } from '@mantine/notifications';
import { IconArrowUp, IconCloudOff, IconPaperclip, IconX } from '@tabler/icons-react';
import { useEffect, useRef, useState, type KeyboardEvent } from 'react';
import { useTranslation } from 'react-i18next';
import type { SessionView, TurnFile } from '../../../contract';
import { SESSION_LIMITS } from '../../../protocol/session/limits';
import { keepFootRoom } from '../../app/foot-room';
import { callOrNotify } from '../../app/notify';
import { setSessionDraft, useSessionsStore } from '../../stores/sessions-store';
import { callTore } from '../../stores/tore-api';
import classes from './Sessions.module.css';
import type { TurnTarget } from './turn-target';

const MAX_FILE_BYTES = SESSION_LIMITS.maxFileBytes;
const MAX_TEXT_LENGTH = 500_000;
/** Typing is over after this long without a key. */
const TYPING_ENDS_MS = 4_000;

interface SessionComposerProps {
  readonly view: SessionView;
  readonly target: TurnTarget | null;
  readonly onTarget: (target: TurnTarget | null) => void;
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

function base64Of(bytes: Uint8Array): string {
  let binary = '';
  for (const byte of bytes) binary += String.fromCodePoint(byte);
  return btoa(binary);
}

async function readFiles(files: readonly File[], onRefused: (name: string) => void): Promise<TurnFile[]> {
  const read: TurnFile[] = [];
  for (const file of files) {
    if (file.size === 0 || file.size > MAX_FILE_BYTES) {
      onRefused(file.name);
      continue;
    }
    const name = file.name.slice(0, 255);
    const bytes = new Uint8Array(await file.arrayBuffer());
    const text = new TextDecoder().decode(bytes);
    // A zero byte or a replacement character says that this is no text.
    const isText = text.length <= MAX_TEXT_LENGTH && !/[\0\uFFFD]/.test(text);
    read.push(isText ? { name, mediaType: file.type, text } : { name, base64: base64Of(bytes) });
  }
  return read;
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
export function SessionComposer({ view, target, onTarget }: SessionComposerProps) {
  const { t } = useTranslation();
  const sessionId = view.state.head.id;
  const text = useSessionsStore(({ drafts }) => drafts[sessionId] ?? '');
  const [files, setFiles] = useState<readonly TurnFile[]>([]);
  const [posting, setPosting] = useState(false);
  const inputRef = useRef<HTMLTextAreaElement>(null);
  const typing = useTyping(sessionId);
  const readOnly = useReadOnly(view);

  useEffect(() => {
    if (target === null) return;
    if (target.kind === 'edit') setSessionDraft(sessionId, target.text);
    inputRef.current?.focus();
  }, [target, sessionId]);

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
    setSessionDraft(sessionId, '');
    setFiles([]);
    onTarget(null);
    inputRef.current?.focus();
  };

  const onKeyDown = (event: KeyboardEvent<HTMLTextAreaElement>): void => {
    if (event.key === 'Escape' && target !== null) onTarget(null);
    // While an input method composes a character, Enter belongs to it.
    if (event.key !== 'Enter' || event.shiftKey || event.nativeEvent.isComposing) return;
    event.preventDefault();
    void send();
  };

  const attach = async (picked: File[]): Promise<void> => {
    const refused = (name: string): void => {
      notifications.show({ message: t('sessions.fileTooLarge', { name }), color: 'coral', role: 'alert' });
    };
    const read = await readFiles(picked, refused);
    setFiles((before) => [...before, ...read].slice(0, 16));
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
            aria-label={t('sessions.cancelReply')}
            onClick={() => onTarget(null)}
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
                onClick={() => setFiles(files.filter((_, at) => at !== index))}
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
            setSessionDraft(sessionId, event.currentTarget.value);
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
