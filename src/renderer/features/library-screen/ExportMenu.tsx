import { Menu } from '@mantine/core';
import type { ReactElement } from 'react';
import { useTranslation } from 'react-i18next';
import { EXPORT_FORMATS } from '../../../contract';
import { exportConversations } from './library-actions';

interface ExportMenuProps {
  readonly ids: readonly string[];
  /** The button that opens it. */
  readonly children: ReactElement;
}

/** Ways to write conversations into files. */
export function ExportMenu({ ids, children }: ExportMenuProps) {
  const { t } = useTranslation();
  return (
    <Menu position="bottom-end" width={260}>
      <Menu.Target>{children}</Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>{t('library.exportAs')}</Menu.Label>
        {EXPORT_FORMATS.map((format) => (
          <Menu.Item
            key={format}
            onClick={() => void exportConversations(ids, format)}
            data-testid={`export-${format}`}
          >
            {t(`library.format.${format}`)}
          </Menu.Item>
        ))}
      </Menu.Dropdown>
    </Menu>
  );
}
