import { ActionIcon, Button, Textarea, Tooltip } from '@mantine/core';
import { IconPencil } from '@tabler/icons-react';
import { useState, type KeyboardEvent } from 'react';
import { useTranslation } from 'react-i18next';
import { MAX_CHAT_TEXT_LENGTH, type ChatEntry } from '../../../contract';
import { callOrNotify } from '../../app/notify';
import { CopyButton } from '../../components/CopyButton';
import { Parts } from '../../components/message/Parts';
import { keepConversation } from '../../stores/chat-store';
import classes from './Chat.module.css';
import { EntryBranch } from './EntryBranch';

interface QuestionProps {
  readonly conversationId: string;
  readonly entry: Extract<ChatEntry, { role: 'user' }>;
  readonly modelId: string | null;
  /** An answer is being written; questions can be changed when it has ended. */
  readonly isAnswering: boolean;
}

interface EditProps extends QuestionProps {
  readonly onDone: () => void;
}

function EditQuestion({ conversationId, entry, modelId, onDone }: EditProps) {
  const { t } = useTranslation();
  const [text, setText] = useState(entry.text);
  const [busy, setBusy] = useState(false);
  const canSend = modelId !== null && text.trim() !== '' && !busy;
  const send = async (): Promise<void> => {
    if (!canSend) return;
    setBusy(true);
    const result = await callOrNotify('sendQuestion', 'chat:edit', {
      conversationId,
      messageId: entry.id,
      modelId,
      text,
    });
    setBusy(false);
    if (!result.ok) return;
    keepConversation(result.value);
    onDone();
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.key === 'Escape') onDone();
    if (event.key === 'Enter' && !event.shiftKey && !event.nativeEvent.isComposing) {
      event.preventDefault();
      void send();
    }
  };
  return (
    <div className={classes.edit}>
      <Textarea
        aria-label={t('chat.editQuestion')}
        value={text}
        maxLength={MAX_CHAT_TEXT_LENGTH}
        autosize
        maxRows={12}
        size="md"
        data-autofocus
        autoFocus
        onChange={(event) => setText(event.currentTarget.value)}
        onKeyDown={onKeyDown}
        data-testid="chat-edit-input"
      />
      <div className={classes.editButtons}>
        <Button variant="default" size="xs" onClick={onDone}>
          {t('common.cancel')}
        </Button>
        <Button size="xs" disabled={!canSend} loading={busy} onClick={() => void send()} data-testid="chat-edit-send">
          {t('chat.askEdited')}
        </Button>
      </div>
    </div>
  );
}

/** One question, which can be asked in other words: what followed stays as a branch. */
export function Question(props: QuestionProps) {
  const { t } = useTranslation();
  const [editing, setEditing] = useState(false);
  const { conversationId, entry, isAnswering } = props;
  if (editing) return <EditQuestion {...props} onDone={() => setEditing(false)} />;
  return (
    <div className={classes.questionFrame}>
      <div className={classes.question}>
        <span className={classes.hidden}>{t('chat.you')}: </span>
        {entry.parts === null ? entry.text : <Parts conversationId={conversationId} parts={entry.parts} />}
      </div>
      <div className={classes.questionActions} data-branches={entry.branch.count > 1 || undefined}>
        <EntryBranch conversationId={conversationId} place={entry.branch} />
        {!isAnswering && entry.parts === null && (
          <Tooltip label={t('chat.editQuestion')}>
            <ActionIcon
              variant="subtle"
              color="gray"
              size="sm"
              aria-label={t('chat.editQuestion')}
              data-testid="chat-edit"
              onClick={() => setEditing(true)}
            >
              <IconPencil size={16} stroke={1.5} />
            </ActionIcon>
          </Tooltip>
        )}
        {entry.text !== '' && <CopyButton text={entry.text} />}
      </div>
    </div>
  );
}
