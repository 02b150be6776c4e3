import { ActionIcon, Menu, Tooltip, UnstyledButton } from '@mantine/core';
import {
  IconBooks,
  IconDots,
  IconFileImport,
  IconFolder,
  IconFolderOff,
  IconFolderPlus,
  IconHash,
  IconMessageCircle,
  IconStack2,
  IconStackPush,
  IconTrash,
  type Icon,
} from '@tabler/icons-react';
import { useState, type ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import type { LibraryFolder } from '../../../contract';
import { callOrNotify } from '../../app/notify';
import { formatBytes, formatCount } from '../../format/numbers';
import { openProject, showPlace, useLibraryStore, type LibraryPlace } from '../../stores/library-store';
import { MergeProjects } from './MergeProjects';
import { NameField } from './NameField';
import { platformName } from './platform-name';
import classes from './Sidebar.module.css';

interface EntryProps {
  readonly icon: Icon;
  readonly label: string;
  readonly count?: number;
  readonly current: boolean;
  readonly onClick: () => void;
  readonly depth?: number;
  readonly menu?: ReactNode;
  readonly testId?: string;
}

function Entry({ icon: Shape, label, count, current, onClick, depth = 0, menu, testId }: EntryProps) {
  return (
    <li className={classes.entry} data-current={current || undefined}>
      <UnstyledButton
        className={classes.open}
        style={{ paddingLeft: 8 + depth * 14 }}
        aria-current={current ? 'true' : undefined}
        title={label}
        onClick={onClick}
        data-testid={testId}
      >
        <Shape size={16} stroke={1.5} aria-hidden="true" />
        <span className={classes.label}>{label}</span>
        {count !== undefined && <span className={classes.count}>{formatCount(count)}</span>}
      </UnstyledButton>
      {menu}
    </li>
  );
}

function isSame(left: LibraryPlace, right: LibraryPlace): boolean {
  return JSON.stringify(left) === JSON.stringify(right);
}

/** Folders with how deep each lies, every one behind the folder around it. */
function inOrder(folders: readonly LibraryFolder[]): readonly { folder: LibraryFolder; depth: number }[] {
  const ordered: { folder: LibraryFolder; depth: number }[] = [];
  const add = (parentId: number | null, depth: number): void => {
    for (const folder of folders) {
      if (folder.parentId !== parentId || depth > folders.length) continue;
      ordered.push({ folder, depth });
      add(folder.id, depth + 1);
    }
  };
  add(null, 0);
  return ordered;
}

interface FolderMenuProps {
  readonly folder: LibraryFolder;
  readonly onRename: () => void;
  readonly onAdd: () => void;
}

function FolderMenu({ folder, onRename, onAdd }: FolderMenuProps) {
  const { t } = useTranslation();
  return (
    <Menu position="bottom-end" width={200}>
      <Menu.Target>
        <ActionIcon
          className={classes.menu ?? ''}
          variant="subtle"
          color="gray"
          size="sm"
          aria-label={t('library.folderMenu', { name: folder.name })}
        >
          <IconDots size={16} stroke={1.5} />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Item onClick={onRename}>{t('library.rename')}</Menu.Item>
        <Menu.Item onClick={onAdd}>{t('library.newFolderInside')}</Menu.Item>
        <Menu.Item onClick={() => void callOrNotify('folder', 'library:delete-folder', { folderId: folder.id })}>
          {t('library.removeFolder')}
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}

type Editing =
  { readonly kind: 'new'; readonly parentId: number | null } | { readonly kind: 'rename'; readonly id: number };

function Folders({ onPick }: { readonly onPick: (place: LibraryPlace) => void }) {
  const { t } = useTranslation();
  const place = useLibraryStore((state) => state.place);
  const folders = useLibraryStore((state) => state.overview?.folders ?? []);
  const [editing, setEditing] = useState<Editing | null>(null);
  const create = async (name: string, parentId: number | null): Promise<void> => {
    setEditing(null);
    await callOrNotify('folder', 'library:create-folder', { name, parentId });
  };
  const rename = async (name: string, folderId: number): Promise<void> => {
    setEditing(null);
    await callOrNotify('folder', 'library:rename-folder', { folderId, name });
  };
  const isNewIn = (parentId: number | null): boolean => editing?.kind === 'new' && editing.parentId === parentId;
  return (
    <section aria-label={t('library.folders')}>
      <header className={classes.head}>
        <h2>{t('library.folders')}</h2>
        <Tooltip label={t('library.newFolder')}>
          <ActionIcon
            variant="subtle"
            color="gray"
            size="sm"
            aria-label={t('library.newFolder')}
            data-testid="library-new-folder"
            onClick={() => setEditing({ kind: 'new', parentId: null })}
          >
            <IconFolderPlus size={16} stroke={1.5} />
          </ActionIcon>
        </Tooltip>
      </header>
      <ul className={classes.entries}>
        {isNewIn(null) && (
          <li>
            <NameField
              label={t('library.folderName')}
              onDone={(name) => void create(name, null)}
              onCancel={() => setEditing(null)}
            />
          </li>
        )}
        {inOrder(folders).map(({ folder, depth }) =>
          editing?.kind === 'rename' && editing.id === folder.id ? (
            <li key={folder.id}>
              <NameField
                label={t('library.folderName')}
                initial={folder.name}
                onDone={(name) => void rename(name, folder.id)}
                onCancel={() => setEditing(null)}
              />
            </li>
          ) : (
            <FolderEntry
              key={folder.id}
              folder={folder}
              depth={depth}
              current={isSame(place, { kind: 'folder', folderId: folder.id })}
              onPick={() => onPick({ kind: 'folder', folderId: folder.id })}
              onRename={() => setEditing({ kind: 'rename', id: folder.id })}
              onAdd={() => setEditing({ kind: 'new', parentId: folder.id })}
              below={
                isNewIn(folder.id) && (
                  <li>
                    <NameField
                      label={t('library.folderName')}
                      onDone={(name) => void create(name, folder.id)}
                      onCancel={() => setEditing(null)}
                    />
                  </li>
                )
              }
            />
          ),
        )}
        {folders.length > 0 && (
          <Entry
            icon={IconFolderOff}
            label={t('library.unfiled')}
            current={place.kind === 'unfiled'}
            onClick={() => onPick({ kind: 'unfiled' })}
          />
        )}
      </ul>
      {folders.length === 0 && editing === null && <p className={classes.quiet}>{t('library.noFolders')}</p>}
    </section>
  );
}

interface FolderEntryProps extends FolderMenuProps {
  readonly depth: number;
  readonly current: boolean;
  readonly onPick: () => void;
  readonly below: ReactNode;
}

function FolderEntry({ folder, depth, current, onPick, below, onRename, onAdd }: FolderEntryProps) {
  return (
    <>
      <Entry
        icon={IconFolder}
        label={folder.name}
        count={folder.conversationCount}
        current={current}
        depth={depth}
        onClick={onPick}
        menu={<FolderMenu folder={folder} onRename={onRename} onAdd={onAdd} />}
      />
      {below}
    </>
  );
}

function Projects({ onPick }: { readonly onPick: (projectId: string) => void }) {
  const { t } = useTranslation();
  const projects = useLibraryStore((state) => state.overview?.projects ?? []);
  const open = useLibraryStore((state) => state.open);
  const [merging, setMerging] = useState(false);
  return (
    <section aria-label={t('library.projects')}>
      <header className={classes.head}>
        <h2>{t('library.projects')}</h2>
        {projects.length > 1 && (
          <Tooltip label={t('library.mergeProjects')}>
            <ActionIcon
              variant="subtle"
              color="gray"
              size="sm"
              aria-label={t('library.mergeProjects')}
              onClick={() => setMerging(true)}
            >
              <IconStackPush size={16} stroke={1.5} />
            </ActionIcon>
          </Tooltip>
        )}
      </header>
      <ul className={classes.entries}>
        {projects.map((project) => (
          <Entry
            key={project.id}
            icon={IconStack2}
            label={project.title}
            count={project.conversationCount}
            current={open.kind === 'project' && open.id === project.id}
            onClick={() => onPick(project.id)}
            testId="library-project"
          />
        ))}
      </ul>
      {projects.length === 0 && <p className={classes.quiet}>{t('library.noProjects')}</p>}
      <MergeProjects projects={projects} opened={merging} onClose={() => setMerging(false)} />
    </section>
  );
}

/** Where to look: everything, folders, tags, products, projects, the bin; and what all of it takes on the disk. */
export function Sidebar({ onPicked }: { readonly onPicked?: () => void }) {
  const { t } = useTranslation();
  const overview = useLibraryStore((state) => state.overview);
  const place = useLibraryStore((state) => state.place);
  const pick = (next: LibraryPlace): void => {
    showPlace(next);
    onPicked?.();
  };
  const storage = overview?.storage;
  return (
    <div className={classes.sidebar}>
      <ul className={classes.entries}>
        <Entry
          icon={IconBooks}
          label={t('library.all')}
          {...(storage === undefined ? {} : { count: storage.conversationCount })}
          current={place.kind === 'all'}
          onClick={() => pick({ kind: 'all' })}
          testId="library-all"
        />
        {place.kind === 'import' && (
          <Entry icon={IconFileImport} label={t('library.lastImport')} current onClick={() => pick(place)} />
        )}
      </ul>
      <Folders onPick={pick} />
      <Projects
        onPick={(projectId) => {
          openProject(projectId);
          onPicked?.();
        }}
      />
      {overview !== null && overview.tags.length > 0 && (
        <section aria-label={t('library.tags')}>
          <header className={classes.head}>
            <h2>{t('library.tags')}</h2>
          </header>
          <ul className={classes.entries}>
            {overview.tags.map(({ name, conversationCount }) => (
              <Entry
                key={name}
                icon={IconHash}
                label={name}
                count={conversationCount}
                current={isSame(place, { kind: 'tag', tag: name })}
                onClick={() => pick({ kind: 'tag', tag: name })}
              />
            ))}
          </ul>
        </section>
      )}
      {overview !== null && overview.platforms.length > 0 && (
        <section aria-label={t('library.sources')}>
          <header className={classes.head}>
            <h2>{t('library.sources')}</h2>
          </header>
          <ul className={classes.entries}>
            {overview.platforms.map(({ platform, conversationCount }) => (
              <Entry
                key={platform}
                icon={IconMessageCircle}
                label={platformName(platform)}
                count={conversationCount}
                current={isSame(place, { kind: 'platform', platform })}
                onClick={() => pick({ kind: 'platform', platform })}
              />
            ))}
          </ul>
        </section>
      )}
      <div className={classes.foot}>
        <ul className={classes.entries}>
          <Entry
            icon={IconTrash}
            label={t('library.bin')}
            {...(storage === undefined ? {} : { count: storage.deletedCount })}
            current={place.kind === 'bin'}
            onClick={() => pick({ kind: 'bin' })}
            testId="library-bin"
          />
        </ul>
        {storage !== undefined && (
          <p className={classes.storage} data-testid="library-storage">
            {t('library.storage', {
              messages: formatCount(storage.messageCount),
              database: formatBytes(storage.databaseBytes),
              files: formatCount(storage.fileCount),
              filesSize: formatBytes(storage.filesBytes),
            })}
          </p>
        )}
      </div>
    </div>
  );
}
