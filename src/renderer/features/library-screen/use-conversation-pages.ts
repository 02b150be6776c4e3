import { useCallback, useEffect, useRef, useState } from 'react';
import type { CallInput, LibraryEntry } from '../../../contract';
import type { Failure } from '../../../protocol/result';
import { useLibraryStore, type LibraryPlace } from '../../stores/library-store';
import { callTore } from '../../stores/tore-api';

/** Lines read at a time; a list of any length holds only those that were looked at. */
const PAGE_SIZE = 100;

type ListInput = Omit<CallInput<'library:list'>, 'limit' | 'offset'>;

function listInput(place: LibraryPlace): ListInput {
  switch (place.kind) {
    case 'all':
      return {};
    case 'unfiled':
      return { folderId: null };
    case 'folder':
      return { folderId: place.folderId };
    case 'tag':
      return { tag: place.tag };
    case 'platform':
      return { platform: place.platform };
    case 'import':
      return { importId: place.importId };
    case 'bin':
      return { deleted: true };
  }
}

interface Pages {
  /** Null until the first page is here. */
  readonly total: number | null;
  readonly failure: Failure | null;
  entryAt(index: number): LibraryEntry | null;
  /** Reads what is missing of a range. */
  need(first: number, last: number): void;
}

/** The pages of one state of one list. */
interface Loaded {
  readonly key: string;
  readonly revision: number;
  readonly total: number | null;
  readonly pages: ReadonlyMap<number, readonly LibraryEntry[]>;
  readonly failure: Failure | null;
}

const NOTHING: Loaded = { key: '', revision: -1, total: null, pages: new Map(), failure: null };

/** A list of conversations, read page by page as it is scrolled, and again when the library changes. */
export function useConversationPages(place: LibraryPlace): Pages {
  const revision = useLibraryStore((state) => state.revision);
  const key = JSON.stringify(listInput(place));
  const version = `${key} ${revision}`;
  const [loaded, setLoaded] = useState<Loaded>(NOTHING);
  const asked = useRef(new Set<string>());

  const read = useCallback(
    async (page: number): Promise<void> => {
      const request = `${version} ${page}`;
      if (asked.current.has(request)) return;
      asked.current.add(request);
      const input = JSON.parse(key) as ListInput;
      const result = await callTore('library:list', { ...input, limit: PAGE_SIZE, offset: page * PAGE_SIZE });
      setLoaded((known) => {
        // An answer that was overtaken by a later change.
        if (known.key === key && known.revision > revision) return known;
        if (!result.ok) return { ...(known.key === key ? known : NOTHING), key, revision, failure: result.error };
        // The lines of the state before stay in view until their page is here again; those of another list do not.
        const pages = new Map(known.key === key ? known.pages : []);
        pages.set(page, result.value.conversations);
        return { key, revision, total: result.value.total, pages, failure: null };
      });
    },
    [key, version, revision],
  );

  useEffect(() => {
    void read(0);
  }, [read]);

  const shown = loaded.key === key ? loaded : NOTHING;
  return {
    total: shown.total,
    failure: shown.failure,
    entryAt: (index) => shown.pages.get(Math.floor(index / PAGE_SIZE))?.[index % PAGE_SIZE] ?? null,
    need: (first, last) => {
      for (let page = Math.floor(first / PAGE_SIZE); page <= Math.floor(last / PAGE_SIZE); page += 1) void read(page);
    },
  };
}
