import { Button } from '@mantine/core';
import { useVirtualizer } from '@tanstack/react-virtual';
import { IconBooks, IconTrash } from '@tabler/icons-react';
import { useEffect, useRef } from 'react';
import { useTranslation } from 'react-i18next';
import { EmptyState } from '../../components/EmptyState';
import { FailedState } from '../../components/FailedState';
import { useNow } from '../../stores/use-now';
import { openInLibrary, setSelected, useLibraryStore } from '../../stores/library-store';
import { ConversationRow } from './ConversationRow';
import { ImportButtons } from './ImportButtons';
import { dragOut } from './library-actions';
import { SelectionBar } from './SelectionBar';
import classes from './Library.module.css';
import { useConversationPages } from './use-conversation-pages';

/** Height of a line with two lines of text, and with tags below. */
const ROW_PX = 52;
const TAGGED_ROW_PX = 70;

/** The conversations of a place, of any number: only the lines in sight exist. */
export function ConversationsPane() {
  const { t } = useTranslation();
  const place = useLibraryStore((state) => state.place);
  const open = useLibraryStore((state) => state.open);
  const selected = useLibraryStore((state) => state.selected);
  const nowMs = useNow(60_000);
  const pages = useConversationPages(place);
  const scrollRef = useRef<HTMLDivElement>(null);
  const lastPicked = useRef<number | null>(null);
  const total = pages.total ?? 0;
  // What the rule fears is the React compiler, which is not used here.
  // oxlint-disable-next-line react/incompatible-library
  const virtual = useVirtualizer({
    count: total,
    getScrollElement: () => scrollRef.current,
    estimateSize: (index) => ((pages.entryAt(index)?.tags.length ?? 0) > 0 ? TAGGED_ROW_PX : ROW_PX),
    overscan: 8,
  });
  const items = virtual.getVirtualItems();
  const first = items[0]?.index ?? 0;
  const last = items.at(-1)?.index ?? 0;
  useEffect(() => {
    if (total > 0) pages.need(first, last);
  });
  useEffect(() => {
    lastPicked.current = null;
    scrollRef.current?.scrollTo({ top: 0 });
  }, [place]);

  const select = (index: number, extend: boolean): void => {
    const next = new Set(selected);
    const from = extend ? (lastPicked.current ?? index) : index;
    for (let at = Math.min(from, index); at <= Math.max(from, index); at += 1) {
      const id = pages.entryAt(at)?.id;
      if (id === undefined) continue;
      if (!extend && next.has(id)) next.delete(id);
      else next.add(id);
    }
    lastPicked.current = index;
    setSelected(next);
  };

  if (pages.failure !== null && pages.total === null) {
    return (
      <div className={classes.paneText}>
        <FailedState title={t('library.listFailed')} failure={pages.failure} />
      </div>
    );
  }
  if (pages.total === 0) return <EmptyPlace isBin={place.kind === 'bin'} isAll={place.kind === 'all'} />;
  return (
    <>
      <SelectionBar total={total} isBin={place.kind === 'bin'} />
      <div
        ref={scrollRef}
        className={classes.scroll}
        role="region"
        aria-label={t('library.conversations')}
        tabIndex={0}
        data-testid="library-list"
      >
        <ul className={classes.virtual} style={{ height: virtual.getTotalSize() }}>
          {items.map(({ index, start, size }) => {
            const entry = pages.entryAt(index);
            return (
              <li key={index} className={classes.virtualItem} style={{ top: start, height: size }}>
                {entry !== null && (
                  <ConversationRow
                    entry={entry}
                    nowMs={nowMs}
                    isOpen={open.kind === 'conversation' && open.id === entry.id}
                    isSelected={selected.has(entry.id)}
                    isChoosing={selected.size > 0}
                    onOpen={() => openInLibrary(entry.id)}
                    onSelect={(extend) => select(index, extend)}
                    onDragStart={(event) => dragOut(event, selected.has(entry.id) ? [...selected] : [entry.id])}
                  />
                )}
              </li>
            );
          })}
        </ul>
      </div>
    </>
  );
}

function EmptyPlace({ isBin, isAll }: { readonly isBin: boolean; readonly isAll: boolean }) {
  const { t } = useTranslation();
  if (isBin) {
    return (
      <div className={classes.paneText}>
        <EmptyState icon={IconTrash} title={t('library.binEmptyTitle')}>
          {t('library.binEmpty')}
        </EmptyState>
      </div>
    );
  }
  return (
    <div className={classes.paneText}>
      <EmptyState
        icon={IconBooks}
        title={t(isAll ? 'library.emptyTitle' : 'library.placeEmptyTitle')}
        action={isAll ? <ImportButtons /> : undefined}
      >
        {t(isAll ? 'library.empty' : 'library.placeEmpty')}
      </EmptyState>
      {!isAll && (
        <Button variant="default" size="xs" onClick={() => useLibraryStore.setState({ place: { kind: 'all' } })}>
          {t('library.showAll')}
        </Button>
      )}
    </div>
  );
}
