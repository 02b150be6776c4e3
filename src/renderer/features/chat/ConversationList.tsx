import { ActionIcon, Button, Tooltip, UnstyledButton } from '@mantine/core';
import { IconEdit, IconTrash } from '@tabler/icons-react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { ConversationSummary } from '../../../contract';
import { callOrNotify } from '../../app/notify';
import { startNewChat } from '../../app/start-new-chat';
import { notifyDeleted } from '../../app/notify-deleted';
import { formatAgo } from '../../format/times';
import { forgetConversation, openConversation, useChatStore } from '../../stores/chat-store';
import { useSnapshot } from '../../stores/snapshot-store';
import { useNow } from '../../stores/use-now';
import classes from './ConversationList.module.css';

function DeleteButton({ conversation }: { readonly conversation: ConversationSummary }) {
  const { t } = useTranslation();
  const [busy, setBusy] = useState(false);
  const label = t('chat.deleteTitle', { title: conversation.title });
  const remove = async (): Promise<void> => {
    setBusy(true);
    const result = await callOrNotify('deleteConversation', 'chat:delete', { conversationId: conversation.id });
    setBusy(false);
    if (!result.ok) return;
    forgetConversation(conversation.id);
    notifyDeleted([conversation.id]);
  };
  return (
    <Tooltip label={t('chat.delete')}>
      <ActionIcon
        className={classes.delete ?? ''}
        variant="subtle"
        color="gray"
        aria-label={label}
        loading={busy}
        onClick={() => void remove()}
      >
        <IconTrash size={16} stroke={1.5} />
      </ActionIcon>
    </Tooltip>
  );
}

/** Conversations, newest first, with a new one on top. */
export function ConversationList({ onPick }: { readonly onPick?: () => void }) {
  const { t } = useTranslation();
  const conversations = useSnapshot((snapshot) => snapshot.conversations);
  const openId = useChatStore(({ openId }) => openId);
  const nowMs = useNow(60_000);
  return (
    <div className={classes.list}>
      <Button
        variant="default"
        fullWidth
        leftSection={<IconEdit size={16} stroke={1.5} />}
        data-testid="chat-new"
        onClick={() => {
          startNewChat();
          onPick?.();
        }}
      >
        {t('chat.new')}
      </Button>
      {conversations.length === 0 && <p className={classes.quiet}>{t('chat.noConversations')}</p>}
      <ul className={classes.items}>
        {conversations.map((conversation) => (
          <li key={conversation.id} className={classes.item} data-current={conversation.id === openId || undefined}>
            <UnstyledButton
              className={classes.open}
              aria-current={conversation.id === openId ? 'true' : undefined}
              title={conversation.title}
              onClick={() => {
                openConversation(conversation.id);
                onPick?.();
              }}
            >
              <span className={classes.title}>{conversation.title.trim() || t('chat.untitled')}</span>
              <span className={classes.time}>{formatAgo(t, conversation.updatedAt, nowMs)}</span>
            </UnstyledButton>
            <DeleteButton conversation={conversation} />
          </li>
        ))}
      </ul>
    </div>
  );
}
