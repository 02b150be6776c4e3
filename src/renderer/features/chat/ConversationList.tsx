import { ActionIcon, Button, Popover, Tooltip, UnstyledButton } from '@mantine/core';
import { IconEdit, IconTrash } from '@tabler/icons-react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { ConversationSummary } from '../../../contract';
import { callOrNotify } from '../../app/notify';
import { startNewChat } from '../../app/start-new-chat';
import { formatAgo } from '../../format/times';
import { forgetConversation, openConversation, useChatStore } from '../../stores/chat-store';
import { useSnapshot } from '../../stores/snapshot-store';
import { useNow } from '../../stores/use-now';
import classes from './ConversationList.module.css';

function DeleteButton({ conversation }: { readonly conversation: ConversationSummary }) {
  const { t } = useTranslation();
  const [asking, setAsking] = useState(false);
  const [busy, setBusy] = useState(false);
  const label = t('chat.deleteTitle', { title: conversation.title });
  const remove = async (): Promise<void> => {
    setBusy(true);
    const result = await callOrNotify('deleteConversation', 'chat:delete', { conversationId: conversation.id });
    setBusy(false);
    setAsking(false);
    if (result.ok) forgetConversation(conversation.id);
  };
  return (
    <Popover opened={asking} onChange={setAsking} position="bottom-end" width={240} trapFocus withinPortal>
      <Popover.Target>
        <Tooltip label={t('chat.delete')} disabled={asking}>
          <ActionIcon
            className={classes.delete ?? ''}
            variant="subtle"
            color="gray"
            aria-label={label}
            data-asking={asking || undefined}
            onClick={() => setAsking(!asking)}
          >
            <IconTrash size={16} stroke={1.5} />
          </ActionIcon>
        </Tooltip>
      </Popover.Target>
      <Popover.Dropdown aria-label={label}>
        <p className={classes.question}>{t('chat.deleteQuestion')}</p>
        <div className={classes.buttons}>
          <Button variant="default" size="xs" onClick={() => setAsking(false)}>
            {t('common.cancel')}
          </Button>
          <Button color="coral" size="xs" loading={busy} onClick={() => void remove()}>
            {t('chat.delete')}
          </Button>
        </div>
      </Popover.Dropdown>
    </Popover>
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
