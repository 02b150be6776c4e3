import { create } from 'zustand';
import type { ImportState, LibraryOpened, LibraryOverview } from '../../contract';
import type { Failure } from '../../protocol/result';
import { callTore } from './tore-api';

/** What the list shows. */
export type LibraryPlace =
  | { readonly kind: 'all' }
  | { readonly kind: 'unfiled' }
  | { readonly kind: 'folder'; readonly folderId: number }
  | { readonly kind: 'tag'; readonly tag: string }
  | { readonly kind: 'platform'; readonly platform: string }
  | { readonly kind: 'import'; readonly importId: number }
  | { readonly kind: 'bin' };

/** What the right side shows. */
export type LibraryOpen =
  | { readonly kind: 'nothing' }
  /** `through`: a message the shown branch goes through; `at`: the message to scroll to. */
  | { readonly kind: 'conversation'; readonly id: string; readonly through: string | null; readonly at: string | null }
  | { readonly kind: 'project'; readonly id: string };

interface LibraryStore {
  /** Counts changes in main; lists read again when it grows. */
  readonly revision: number;
  readonly overview: LibraryOverview | null;
  readonly failure: Failure | null;
  readonly importState: ImportState;
  readonly place: LibraryPlace;
  readonly query: string;
  readonly open: LibraryOpen;
  readonly selected: ReadonlySet<string>;
}

export const useLibraryStore = create<LibraryStore>(() => ({
  revision: 0,
  overview: null,
  failure: null,
  importState: { kind: 'idle' },
  place: { kind: 'all' },
  query: '',
  open: { kind: 'nothing' },
  selected: new Set(),
}));

export function showPlace(place: LibraryPlace): void {
  useLibraryStore.setState({ place, query: '', selected: new Set() });
}

export function setQuery(query: string): void {
  useLibraryStore.setState({ query, selected: new Set() });
}

export function openInLibrary(id: string, through: string | null = null): void {
  useLibraryStore.setState({ open: { kind: 'conversation', id, through, at: through } });
}

/** Shows another branch of the open conversation without moving the view. */
export function showReadBranch(id: string, through: string): void {
  useLibraryStore.setState({ open: { kind: 'conversation', id, through, at: null } });
}

export function openProject(id: string): void {
  useLibraryStore.setState({ open: { kind: 'project', id } });
}

export function closeReader(): void {
  useLibraryStore.setState({ open: { kind: 'nothing' } });
}

export function setSelected(selected: ReadonlySet<string>): void {
  useLibraryStore.setState({ selected });
}

/** Closes what is open when it is one of these. */
export function closeIfOpen(ids: readonly string[]): void {
  const { open } = useLibraryStore.getState();
  if (open.kind !== 'nothing' && ids.includes(open.id)) closeReader();
}

/** Shows what a file held that was opened from the desktop. */
export function showOpened(opened: LibraryOpened): void {
  if (opened.kind === 'conversation') openInLibrary(opened.id);
  else if (opened.kind === 'project') openProject(opened.id);
  else showPlace({ kind: 'import', importId: opened.importId });
}

/** Calls back whenever the library has changed; returns the function that ends it. */
export function onLibraryChange(listener: () => void): () => void {
  return useLibraryStore.subscribe((now, before) => {
    if (now.revision !== before.revision) listener();
  });
}

/** Reads folders, tags, projects and figures again. */
export async function refreshOverview(): Promise<void> {
  const result = await callTore('library:overview', null);
  useLibraryStore.setState(result.ok ? { overview: result.value, failure: null } : { failure: result.error });
}

/** Follows main's library; returns the function that ends it. */
export function startLibraryStore(onOpened: (opened: LibraryOpened) => void): () => void {
  void callTore('library:get-import', null).then((result) => {
    if (result.ok) useLibraryStore.setState({ importState: result.value });
  });
  const takeOpened = async (): Promise<void> => {
    const opened = await callTore('library:take-opened', null);
    if (opened.ok && opened.value !== null) onOpened(opened.value);
  };
  void takeOpened();
  const ends = [
    window.tore.on('library-changed', ({ revision }) => useLibraryStore.setState({ revision })),
    window.tore.on('import-changed', (importState) => useLibraryStore.setState({ importState })),
    window.tore.on('library-opened', () => void takeOpened()),
  ];
  return () => ends.forEach((end) => end());
}
