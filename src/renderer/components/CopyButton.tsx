import { ActionIcon, Tooltip } from '@mantine/core';
import { IconCheck, IconCopy } from '@tabler/icons-react';
import { useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { callOrNotify } from '../app/notify';

const SHOWN_MS = 1_500;

interface CopyButtonProps {
  /** The text, or what gives it at the moment of the click. */
  readonly text: string | (() => string);
  readonly label?: string;
}

/** Puts text on the clipboard and says so. */
export function CopyButton({ text, label }: CopyButtonProps) {
  const { t } = useTranslation();
  const [copied, setCopied] = useState(false);
  useEffect(() => {
    if (!copied) return undefined;
    const timer = setTimeout(() => setCopied(false), SHOWN_MS);
    return () => clearTimeout(timer);
  }, [copied]);
  const copy = async (): Promise<void> => {
    const result = await callOrNotify('copy', 'app:copy-text', {
      text: typeof text === 'string' ? text : text(),
    });
    setCopied(result.ok);
  };
  const name = copied ? t('common.copied') : (label ?? t('common.copy'));
  return (
    <Tooltip label={name}>
      <ActionIcon variant="subtle" color="gray" size="sm" aria-label={name} onClick={() => void copy()}>
        {copied ? <IconCheck size={16} stroke={1.5} /> : <IconCopy size={16} stroke={1.5} />}
      </ActionIcon>
    </Tooltip>
  );
}
