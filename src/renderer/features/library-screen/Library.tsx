import { ActionIcon, CloseButton, Drawer, TextInput, Tooltip } from '@mantine/core';
import { useMediaQuery } from '@mantine/hooks';
import { IconBooks, IconLayoutSidebar, IconSearch } from '@tabler/icons-react';
import { useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { EmptyState } from '../../components/EmptyState';
import { onLibraryChange, refreshOverview, setQuery, useLibraryStore } from '../../stores/library-store';
import { ConversationsPane } from './ConversationsPane';
import { HitsPane } from './HitsPane';
import { ImportButtons } from './ImportButtons';
import classes from './Library.module.css';
import { ProjectPane } from './ProjectPane';
import { Reader } from './Reader';
import { Sidebar } from './Sidebar';

/** Below this width folders open over the list, and below the next one list and reader take turns. */
const NO_SIDEBAR = '(max-width: 1180px)';
const ONE_PANE = '(max-width: 900px)';

function SearchField() {
  const { t } = useTranslation();
  const query = useLibraryStore((state) => state.query);
  return (
    <TextInput
      className={classes.search ?? ''}
      type="search"
      aria-label={t('library.search')}
      placeholder={t('library.searchHint')}
      leftSection={<IconSearch size={16} stroke={1.5} />}
      rightSection={
        query === '' ? null : (
          <CloseButton size="sm" aria-label={t('library.clearSearch')} onClick={() => setQuery('')} />
        )
      }
      value={query}
      maxLength={2_000}
      onChange={(event) => setQuery(event.currentTarget.value)}
      data-testid="library-search"
    />
  );
}

function Detail({ hasBack }: { readonly hasBack: boolean }) {
  const { t } = useTranslation();
  const open = useLibraryStore((state) => state.open);
  switch (open.kind) {
    case 'conversation':
      return <Reader id={open.id} through={open.through} at={open.at} hasBack={hasBack} />;
    case 'project':
      return <ProjectPane key={open.id} id={open.id} hasBack={hasBack} />;
    case 'nothing':
      return (
        <div className={classes.paneText}>
          <EmptyState icon={IconBooks} title={t('library.nothingOpenTitle')}>
            {t('library.nothingOpen')}
          </EmptyState>
        </div>
      );
  }
}

/** Everything that was ever said, to be found, read, sorted, taken along and gone on with. */
export function Library() {
  const { t } = useTranslation();
  const noSidebar = useMediaQuery(NO_SIDEBAR, false, { getInitialValueInEffect: false });
  const onePane = useMediaQuery(ONE_PANE, false, { getInitialValueInEffect: false });
  const [sidebarOpen, setSidebarOpen] = useState(false);
  const query = useLibraryStore((state) => state.query);
  const open = useLibraryStore((state) => state.open);
  useEffect(() => {
    void refreshOverview();
    return onLibraryChange(() => void refreshOverview());
  }, []);
  const showsReader = open.kind !== 'nothing';
  return (
    <div className={classes.library}>
      <h1 className={classes.hidden}>{t('library.heading')}</h1>
      <div className={classes.top}>
        {noSidebar && (
          <Tooltip label={t('library.showPlaces')}>
            <ActionIcon
              variant="default"
              size={36}
              aria-label={t('library.showPlaces')}
              data-testid="library-places"
              onClick={() => setSidebarOpen(true)}
            >
              <IconLayoutSidebar size={18} stroke={1.5} />
            </ActionIcon>
          </Tooltip>
        )}
        <SearchField />
        <ImportButtons />
      </div>
      <div className={classes.panes}>
        {noSidebar ? (
          <Drawer
            opened={sidebarOpen}
            onClose={() => setSidebarOpen(false)}
            size={280}
            title={t('library.places')}
            closeButtonProps={{ 'aria-label': t('common.close') }}
          >
            <Sidebar onPicked={() => setSidebarOpen(false)} />
          </Drawer>
        ) : (
          <aside className={classes.sidebar} aria-label={t('library.places')} tabIndex={0}>
            <Sidebar />
          </aside>
        )}
        {(!onePane || !showsReader) && (
          <div className={classes.list} data-wide={onePane || undefined}>
            {query.trim() === '' ? <ConversationsPane /> : <HitsPane query={query} />}
          </div>
        )}
        {(!onePane || showsReader) && (
          <div className={classes.detail}>
            <Detail hasBack={onePane} />
          </div>
        )}
      </div>
    </div>
  );
}
