import { ActionIcon, Tooltip } from '@mantine/core';
import { IconDownload } from '@tabler/icons-react';
import { useTranslation } from 'react-i18next';
import { callOrNotify, notifyDone } from '../../app/notify';

interface SaveFileButtonProps {
  readonly sessionId: string;
  readonly turnId: string;
  /** Place of the file in the turn's content. */
  readonly part: number;
  readonly name: string;
  readonly disabled?: boolean;
}

/** Saves a file of a turn where the person says, once it was checked against what its author signed. */
export function SaveFileButton({ sessionId, turnId, part, name, disabled = false }: SaveFileButtonProps) {
  const { t } = useTranslation();
  const label = t('sessions.panel.saveFile', { name });
  const save = async (): Promise<void> => {
    const saved = await callOrNotify('saveFile', 'sessions:save-file', { sessionId, turnId, part });
    if (saved.ok && saved.value !== null) notifyDone(t('sessions.exported', { path: saved.value.path }));
  };
  return (
    <Tooltip label={label}>
      <ActionIcon
        variant="subtle"
        color="gray"
        size="sm"
        aria-label={label}
        disabled={disabled}
        data-testid="session-file-save"
        onClick={() => void save()}
      >
        <IconDownload size={16} stroke={1.5} />
      </ActionIcon>
    </Tooltip>
  );
}
