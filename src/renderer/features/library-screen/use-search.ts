import { useDebouncedValue } from '@mantine/hooks';
import { useEffect, useState } from 'react';
import type { LibraryHits } from '../../../contract';
import type { Failure } from '../../../protocol/result';
import { onLibraryChange } from '../../stores/library-store';
import { callTore } from '../../stores/tore-api';

/** Typing pauses this long before it is searched: results come while typing without a search for each letter. */
const PAUSE_MS = 120;
/** Places shown at first, and with each further step. */
const STEP = 50;
const MOST = 200;

interface Search {
  readonly hits: LibraryHits | null;
  readonly failure: Failure | null;
  readonly canShowMore: boolean;
  showMore(): void;
}

/** What was found, and for which question. */
interface Found {
  readonly key: string;
  readonly hits: LibraryHits | null;
  readonly failure: Failure | null;
}

/** The places a query is found at; null while the first answer is on its way. */
export function useSearch(query: string): Search {
  const [paused] = useDebouncedValue(query.trim(), PAUSE_MS);
  const [steps, setSteps] = useState({ query: '', limit: STEP });
  const [found, setFound] = useState<Found>({ key: '', hits: null, failure: null });
  const limit = steps.query === paused ? steps.limit : STEP;

  useEffect(() => {
    if (paused === '') return undefined;
    let current = true;
    const search = async (): Promise<void> => {
      const result = await callTore('library:search', { query: paused, limit, offset: 0 });
      if (!current) return;
      setFound(
        result.ok
          ? { key: paused, hits: result.value, failure: null }
          : { key: paused, hits: null, failure: result.error },
      );
    };
    void search();
    const end = onLibraryChange(() => void search());
    return () => {
      current = false;
      end();
    };
  }, [paused, limit]);

  // What was found before stays in view while typing, so that the list does not flicker.
  const { hits, failure } = found;
  return {
    hits,
    failure,
    canShowMore: hits !== null && hits.hasMore && limit < MOST,
    showMore: () => setSteps({ query: paused, limit: Math.min(MOST, limit + STEP) }),
  };
}
