import { Drawer } from '@mantine/core';
import { useMediaQuery } from '@mantine/hooks';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { pickModel, useChatStore } from '../../stores/chat-store';
import { useSnapshot } from '../../stores/snapshot-store';
import { ChatHeader } from './ChatHeader';
import classes from './Chat.module.css';
import { chooseModel, summaryOfOwn } from './choose-model';
import { Composer } from './Composer';
import { ConversationList } from './ConversationList';
import { Thread } from './Thread';
import { useOwnModels } from './use-own-models';

/** Below this width the list of conversations opens over the thread. */
const NARROW = '(max-width: 960px)';

/** Conversations, the open one, and the place to write. */
export function Chat() {
  const { t } = useTranslation();
  const narrow = useMediaQuery(NARROW, false, { getInitialValueInEffect: false });
  const [listOpen, setListOpen] = useState(false);
  const picked = useChatStore(({ pickedModelId }) => pickedModelId);
  const openId = useChatStore(({ openId }) => openId);
  const models = useSnapshot((snapshot) => snapshot.models);
  const served = useSnapshot(({ coverage }) => coverage?.modelId ?? null);
  const ownModels = useOwnModels();
  const model = chooseModel(models, picked, served, ownModels.models.map(summaryOfOwn));
  return (
    <div className={classes.chat}>
      <h1 className={classes.hidden}>{t('chat.title')}</h1>
      {narrow ? (
        <Drawer
          opened={listOpen}
          onClose={() => setListOpen(false)}
          size={280}
          title={t('chat.conversations')}
          closeButtonProps={{ 'aria-label': t('common.close') }}
        >
          <ConversationList onPick={() => setListOpen(false)} />
        </Drawer>
      ) : (
        <aside className={classes.list} aria-label={t('chat.conversations')}>
          <ConversationList />
        </aside>
      )}
      <div className={classes.main} inert={narrow && listOpen}>
        <ChatHeader
          model={model}
          ownModels={ownModels}
          onPickModel={pickModel}
          onOpenList={narrow ? () => setListOpen(true) : null}
        />
        <Thread key={openId ?? 'new'} conversationId={openId} model={model} />
        <Composer key={`composer-${openId ?? 'new'}`} conversationId={openId} model={model} />
      </div>
    </div>
  );
}
