import { basename } from 'node:path';
import type { ImportOutcome, ImportState, LibraryOpened } from '../../../contract/library';
import type { LibraryAccess, LibraryOutput } from '../../../library/service/library-access';

/** Entries of each list shown of a report; the counts tell the rest. */
const MAX_NOTES = 500;

interface ImportQueueOptions {
  readonly library: LibraryAccess;
  readonly onState: (state: ImportState) => void;
  /** An import ended, whatever came of it. */
  readonly onImported: () => void;
}

interface Job {
  readonly path: string;
  /** What the file holds, for who opened it to be shown. */
  readonly onOpened: ((opened: LibraryOpened) => void) | null;
}

type StoredImport = LibraryOutput<'import'>;

/** Imports files one after the other, tells how far it is, and keeps the report until it was read. */
export class ImportQueue {
  readonly #options: ImportQueueOptions;
  readonly #jobs: Job[] = [];
  #state: ImportState = { kind: 'idle' };
  #controller: AbortController | null = null;
  #outcomes: ImportOutcome[] = [];
  #count = 0;
  #work: Promise<void> = Promise.resolve();

  constructor(options: ImportQueueOptions) {
    this.#options = options;
  }

  get state(): ImportState {
    return this.#state;
  }

  /** Adds files; those of an earlier report that nobody dismissed make room for the new one. */
  add(paths: readonly string[], onOpened: Job['onOpened'] = null): void {
    const isIdle = this.#controller === null;
    if (isIdle) {
      this.#outcomes = [];
      this.#count = 0;
    }
    this.#count += paths.length;
    for (const path of paths) this.#jobs.push({ path, onOpened });
    if (isIdle && paths.length > 0) this.#work = this.#run();
  }

  /** Ends the import under way, which leaves the library as it was, and forgets the files that wait. */
  cancel(): void {
    this.#jobs.length = 0;
    this.#controller?.abort();
    if (this.#state.kind === 'running') this.#set({ ...this.#state, isCancelling: true });
  }

  /** The report was read. */
  dismiss(): void {
    if (this.#state.kind === 'finished') this.#set({ kind: 'idle' });
  }

  /** Cancels and waits for the end. */
  async close(): Promise<void> {
    this.cancel();
    await this.#work;
  }

  async #run(): Promise<void> {
    const controller = new AbortController();
    this.#controller = controller;
    for (let job = this.#jobs.shift(); job !== undefined; job = this.#jobs.shift()) {
      await this.#import(job, controller.signal);
    }
    this.#controller = null;
    this.#set({ kind: 'finished', outcomes: this.#outcomes });
  }

  async #import({ path, onOpened }: Job, signal: AbortSignal): Promise<void> {
    const name = basename(path);
    const position = this.#outcomes.length + 1;
    const running = { kind: 'running', name, position, isCancelling: false } as const;
    this.#set({ ...running, count: this.#count, bytesDone: 0, bytesTotal: 0, documents: 0 });
    const result = await this.#options.library.call(
      'import',
      { path },
      {
        signal,
        onProgress: (progress) => {
          if (!('bytesDone' in progress) || signal.aborted) return;
          this.#set({ ...running, count: this.#count, ...progress });
        },
      },
    );
    this.#outcomes.push({
      name,
      result: result.ok ? taken(result.value) : { kind: 'refused', error: result.error },
    });
    this.#options.onImported();
    if (result.ok) onOpened?.(openedOf(result.value));
  }

  #set(state: ImportState): void {
    this.#state = state;
    this.#options.onState(state);
  }
}

function taken(report: StoredImport): ImportOutcome['result'] {
  const { touched: _touched, ...counts } = report;
  return {
    kind: 'taken',
    ...counts,
    skipped: report.skipped.slice(0, MAX_NOTES),
    failed: report.failed.slice(0, MAX_NOTES),
  };
}

/** What to show of a file that was opened: its one document, or what it brought. */
function openedOf({ touched, importId }: StoredImport): LibraryOpened {
  const [only, ...others] = touched;
  if (only !== undefined && others.length === 0) {
    if (only.kind === 'conversation') return { kind: 'conversation', id: only.id };
    if (only.kind === 'project') return { kind: 'project', id: only.id };
  }
  return { kind: 'import', importId };
}
