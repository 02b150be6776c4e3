import { ActionIcon, Button, Popover, Select, Tooltip } from '@mantine/core';
import { IconAdjustmentsHorizontal, IconEdit, IconLayoutSidebar } from '@tabler/icons-react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { ModelSummary } from '../../../contract';
import { shortcutLabel } from '../../app/shortcuts';
import { startNewChat } from '../../app/start-new-chat';
import { GenerationFields } from '../../components/GenerationFields';
import { useSnapshot } from '../../stores/snapshot-store';
import { OwnModelDialog } from '../sessions/OwnModelDialog';
import classes from './Chat.module.css';
import type { OwnModels } from './use-own-models';

interface ChatHeaderProps {
  readonly model: ModelSummary | null;
  readonly ownModels: OwnModels;
  readonly onPickModel: (modelId: string | null) => void;
  /** Null where the list stands beside the thread. */
  readonly onOpenList: (() => void) | null;
}

/** Model, generation settings, and a new conversation. */
export function ChatHeader({ model, ownModels, onPickModel, onOpenList }: ChatHeaderProps) {
  const { t } = useTranslation();
  const [adding, setAdding] = useState(false);
  const models = useSnapshot((snapshot) => snapshot.models);
  const [settingsOpen, setSettingsOpen] = useState(false);
  const ofNetwork = models.map(({ modelId, friendlyName, pipelineAvailable }) => ({
    value: modelId,
    label: pipelineAvailable ? friendlyName : t('chat.modelIncomplete', { model: friendlyName }),
  }));
  const own = ownModels.models.map(({ chatId, name }) => ({ value: chatId, label: name }));
  const choices =
    own.length === 0
      ? ofNetwork
      : [
          { group: t('chat.network'), items: ofNetwork },
          { group: t('chat.ownModels'), items: own },
        ];
  const newChatLabel = `${t('chat.new')} (${shortcutLabel('N', window.tore.platform)})`;
  return (
    <div className={classes.header}>
      {onOpenList !== null && (
        <>
          <Tooltip label={t('chat.showConversations')}>
            <ActionIcon
              variant="default"
              size={36}
              aria-label={t('chat.showConversations')}
              onClick={onOpenList}
              data-testid="chat-open-list"
            >
              <IconLayoutSidebar size={18} stroke={1.5} />
            </ActionIcon>
          </Tooltip>
          <Tooltip label={newChatLabel}>
            <ActionIcon variant="default" size={36} aria-label={newChatLabel} onClick={() => startNewChat()}>
              <IconEdit size={18} stroke={1.5} />
            </ActionIcon>
          </Tooltip>
        </>
      )}
      <Select
        className={classes.model ?? ''}
        aria-label={t('chat.model')}
        placeholder={t('chat.noModels')}
        disabled={models.length === 0 && ownModels.models.length === 0}
        data={choices}
        value={model?.modelId ?? null}
        onChange={onPickModel}
        allowDeselect={false}
        data-testid="chat-model"
      />
      <Popover
        position="bottom-end"
        width={320}
        trapFocus
        withinPortal
        opened={settingsOpen}
        onChange={setSettingsOpen}
      >
        <Popover.Target>
          <Button
            variant="default"
            leftSection={<IconAdjustmentsHorizontal size={16} stroke={1.5} />}
            data-testid="chat-generation-settings"
            onClick={() => setSettingsOpen(!settingsOpen)}
          >
            {t('chat.settingsButton')}
          </Button>
        </Popover.Target>
        <Popover.Dropdown className={classes.popover ?? ''} aria-label={t('chat.settingsTitle')}>
          <h2 className={classes.popoverTitle}>{t('chat.settingsTitle')}</h2>
          <p className={classes.quiet}>{t('chat.settingsHint')}</p>
          <GenerationFields />
          <h3 className={classes.popoverTitle}>{t('chat.ownModels')}</h3>
          <p className={classes.quiet}>{t('chat.ownModelsHint')}</p>
          <Button
            variant="default"
            size="xs"
            onClick={() => {
              setSettingsOpen(false);
              setAdding(true);
            }}
            data-testid="chat-add-model"
          >
            {t('sessions.model.add')}
          </Button>
        </Popover.Dropdown>
      </Popover>
      <OwnModelDialog
        key={adding ? 'new' : 'closed'}
        model={adding ? 'new' : null}
        onClose={() => setAdding(false)}
        onSaved={ownModels.keep}
      />
    </div>
  );
}
