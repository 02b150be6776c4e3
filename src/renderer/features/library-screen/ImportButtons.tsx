import { Button, Menu } from '@mantine/core';
import { IconChevronDown, IconFileImport, IconFolder } from '@tabler/icons-react';
import { useTranslation } from 'react-i18next';
import { callOrNotify } from '../../app/notify';

/** Chooses files or a folder to import. */
export function ImportButtons() {
  const { t } = useTranslation();
  const choose = (what: 'files' | 'folder'): void => {
    void callOrNotify('import', 'library:choose-import', { what });
  };
  return (
    <Menu position="bottom-end" width={232}>
      <Menu.Target>
        <Button
          leftSection={<IconFileImport size={16} stroke={1.5} />}
          rightSection={<IconChevronDown size={14} stroke={1.5} />}
          data-testid="library-import"
        >
          {t('library.import')}
        </Button>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Item
          leftSection={<IconFileImport size={16} stroke={1.5} />}
          onClick={() => choose('files')}
          data-testid="library-import-files"
        >
          {t('library.importFiles')}
        </Menu.Item>
        <Menu.Item leftSection={<IconFolder size={16} stroke={1.5} />} onClick={() => choose('folder')}>
          {t('library.importFolder')}
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}
