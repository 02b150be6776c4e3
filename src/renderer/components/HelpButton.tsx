import { ActionIcon, Tooltip } from '@mantine/core';
import { IconHelpCircle } from '@tabler/icons-react';
import { useTranslation } from 'react-i18next';
import { showHelp, type HelpPlace } from '../stores/ui-store';

/** Opens the page of help that belongs to a screen. */
export function HelpButton({ place }: { readonly place: HelpPlace }) {
  const { t } = useTranslation();
  return (
    <Tooltip label={t('help.open')}>
      <ActionIcon variant="subtle" color="gray" aria-label={t('help.open')} onClick={() => showHelp(place)}>
        <IconHelpCircle size={20} stroke={1.5} />
      </ActionIcon>
    </Tooltip>
  );
}
