import { ActionIcon, Menu } from '@mantine/core';
import {
  IconArrowBackUp,
  IconFileExport,
  IconFolder,
  IconStack2,
  IconTrash,
  IconTrashX,
  IconX,
  type Icon,
} from '@tabler/icons-react';
import type { ReactElement } from 'react';
import { useTranslation } from 'react-i18next';
import { callOrNotify } from '../../app/notify';
import { setSelected, useLibraryStore } from '../../stores/library-store';
import { formatCount } from '../../format/numbers';
import { ExportMenu } from './ExportMenu';
import { createProject, deleteConversations, restoreConversations } from './library-actions';
import classes from './Library.module.css';

interface ActionProps {
  readonly label: string;
  readonly icon: Icon;
  readonly onClick?: () => void;
  readonly testId?: string;
}

function action({ label, icon: Shape, onClick, testId }: ActionProps): ReactElement {
  return (
    <ActionIcon variant="subtle" color="gray" aria-label={label} title={label} onClick={onClick} data-testid={testId}>
      <Shape size={18} stroke={1.5} />
    </ActionIcon>
  );
}

function MoveMenu({ ids }: { readonly ids: readonly string[] }) {
  const { t } = useTranslation();
  const folders = useLibraryStore((state) => state.overview?.folders ?? []);
  const move = (folderId: number | null): void => {
    void callOrNotify('move', 'library:move', { ids: [...ids], folderId });
    setSelected(new Set());
  };
  return (
    <Menu position="bottom-end" width={220}>
      <Menu.Target>{action({ label: t('library.move'), icon: IconFolder })}</Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>{t('library.moveTo')}</Menu.Label>
        <Menu.Item onClick={() => move(null)}>{t('library.unfiled')}</Menu.Item>
        {folders.map(({ id, name }) => (
          <Menu.Item key={id} onClick={() => move(id)}>
            {name}
          </Menu.Item>
        ))}
      </Menu.Dropdown>
    </Menu>
  );
}

function BinActions({ ids }: { readonly ids: readonly string[] }) {
  const { t } = useTranslation();
  const purge = async (): Promise<void> => {
    const result = await callOrNotify('deleteConversation', 'library:purge', {
      ids: ids.length === 0 ? null : [...ids],
    });
    if (result.ok) setSelected(new Set());
  };
  return (
    <>
      {ids.length > 0 &&
        action({ label: t('library.restore'), icon: IconArrowBackUp, onClick: () => void restoreConversations(ids) })}
      <Menu position="bottom-end" width={240}>
        <Menu.Target>{action({ label: t('library.purge'), icon: IconTrashX })}</Menu.Target>
        <Menu.Dropdown>
          <Menu.Label>{t('library.purgeHint')}</Menu.Label>
          <Menu.Item color="coral" onClick={() => void purge()}>
            {ids.length === 0 ? t('library.purgeAll') : t('library.purgeSelected', { count: ids.length })}
          </Menu.Item>
        </Menu.Dropdown>
      </Menu>
    </>
  );
}

interface SelectionBarProps {
  readonly total: number;
  readonly isBin: boolean;
}

/** How many there are, or what can be done with those that are chosen. */
export function SelectionBar({ total, isBin }: SelectionBarProps) {
  const { t } = useTranslation();
  const selected = useLibraryStore((state) => state.selected);
  const ids = [...selected];
  return (
    <div className={classes.selection}>
      <span className={classes.count} role="status">
        {ids.length === 0
          ? t('library.total', { count: total, shown: formatCount(total) })
          : t('library.selected', { count: ids.length, shown: formatCount(ids.length) })}
      </span>
      {isBin && <BinActions ids={ids} />}
      {!isBin && ids.length > 0 && (
        <>
          <ExportMenu ids={ids}>
            {action({ label: t('library.export'), icon: IconFileExport, testId: 'selection-export' })}
          </ExportMenu>
          <MoveMenu ids={ids} />
          {action({
            label: t('library.makeProject'),
            icon: IconStack2,
            testId: 'selection-project',
            onClick: () => void createProject(t('library.newProjectName'), ids),
          })}
          {action({ label: t('library.delete'), icon: IconTrash, onClick: () => void deleteConversations(ids) })}
        </>
      )}
      {ids.length > 0 &&
        action({ label: t('library.clearSelection'), icon: IconX, onClick: () => setSelected(new Set()) })}
    </div>
  );
}
