import { Button, UnstyledButton } from '@mantine/core';
import { IconSearchOff } from '@tabler/icons-react';
import { useTranslation } from 'react-i18next';
import { EmptyState } from '../../components/EmptyState';
import { FailedState } from '../../components/FailedState';
import { formatCount } from '../../format/numbers';
import { openInLibrary, useLibraryStore } from '../../stores/library-store';
import { Highlighted } from './Highlighted';
import classes from './Library.module.css';
import { platformName } from './platform-name';
import { useSearch } from './use-search';

/** The places a query is found at, the best first. */
export function HitsPane({ query }: { readonly query: string }) {
  const { t } = useTranslation();
  const open = useLibraryStore((state) => state.open);
  const { hits, failure, canShowMore, showMore } = useSearch(query);
  if (failure !== null) {
    return (
      <div className={classes.paneText}>
        <FailedState title={t('library.searchFailed')} failure={failure} />
      </div>
    );
  }
  if (hits !== null && hits.hits.length === 0) {
    return (
      <div className={classes.paneText}>
        <EmptyState icon={IconSearchOff} title={t('library.nothingFoundTitle')}>
          {t('library.nothingFound')}
        </EmptyState>
      </div>
    );
  }
  const found = hits?.hits ?? [];
  return (
    <>
      <div className={classes.selection}>
        <span className={classes.count} role="status">
          {hits === null
            ? t('library.searching')
            : t(hits.hasMore ? 'library.foundFirst' : 'library.found', {
                count: found.length,
                shown: formatCount(found.length),
              })}
        </span>
      </div>
      <div className={classes.scroll} role="region" aria-label={t('library.results')} tabIndex={0}>
        <ul className={classes.hits}>
          {found.map((hit) => (
            <li key={`${hit.conversationId} ${hit.messageId ?? ''}`}>
              <UnstyledButton
                className={classes.hit}
                data-testid="library-hit"
                data-current={
                  (open.kind === 'conversation' && open.id === hit.conversationId && open.at === hit.messageId) ||
                  undefined
                }
                onClick={() => openInLibrary(hit.conversationId, hit.messageId)}
              >
                <span className={classes.hitTitle}>
                  <Highlighted text={hit.title.trim() || t('chat.untitled')} ranges={hit.titleHighlights} />
                </span>
                {hit.excerpt !== null && (
                  <span className={classes.excerpt}>
                    <Highlighted text={hit.excerpt.text} ranges={hit.excerpt.highlights} />
                  </span>
                )}
                <span className={classes.hitAbout}>
                  {platformName(hit.platform)} · {hit.updatedAt.slice(0, 10)}
                </span>
              </UnstyledButton>
            </li>
          ))}
        </ul>
        {canShowMore && (
          <Button variant="default" size="xs" className={classes.more ?? ''} onClick={showMore}>
            {t('library.showMore')}
          </Button>
        )}
      </div>
    </>
  );
}
