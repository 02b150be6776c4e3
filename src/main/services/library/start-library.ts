import type { LibraryOpened } from '../../../contract/library';
import type { AppEvent } from '../../../contract/snapshot';
import { LibraryHost } from '../../processes/library-host';
import type { StartChildProcess } from '../../processes/child-process-port';
import { reasonOf } from '../../errors';
import type { SendEvent } from '../../ipc/send-event';
import type { LibraryAccess } from '../../../library/service/library-access';
import type { Log } from '../log';
import { isoTime, type Timers } from '../timers';
import { ImportQueue } from './import-queue';
import { LibraryExports, type SaveDialogs } from './library-exports';

/** How long what was deleted can be taken back. */
const BIN_KEPT_MS = 30 * 24 * 60 * 60 * 1_000;
/** The bin is looked at this long after the start, when everything else is done. */
const TIDY_DELAY_MS = 60_000;

export interface LibraryOptions {
  readonly folder: string;
  readonly temporaryFolder: string;
  readonly start: StartChildProcess;
  readonly dialogs: SaveDialogs;
  readonly send: SendEvent;
  readonly addEvent: (kind: AppEvent['kind'], text: string) => void;
  readonly timers: Timers;
  readonly log: Log;
}

/** The library of the app: its process, imports, exports, and who is told of changes. */
export class LibraryFeature {
  readonly access: LibraryAccess;
  readonly imports: ImportQueue;
  readonly exports: LibraryExports;
  readonly #host: LibraryHost;
  readonly #options: LibraryOptions;
  readonly #cancelTidy: () => void;
  readonly #listeners = new Set<() => void>();
  #revision = 0;
  #opened: LibraryOpened | null = null;

  constructor(options: LibraryOptions) {
    this.#options = options;
    const { log, timers } = options;
    this.#host = new LibraryHost({
      start: options.start,
      folder: options.folder,
      onFailed: (error) => options.addEvent('error', error.message),
      onCrash: (text) => options.addEvent('notice', text),
      log,
      timers,
    });
    this.access = this.#host.access;
    this.imports = new ImportQueue({
      library: this.access,
      onState: (state) => options.send('import-changed', state),
      onImported: () => this.changed(),
    });
    this.exports = new LibraryExports({
      library: this.access,
      dialogs: options.dialogs,
      temporaryFolder: options.temporaryFolder,
    });
    this.#host.start();
    this.#cancelTidy = timers.after(TIDY_DELAY_MS, () => void this.#tidy());
  }

  /** Told of every change that was not made by Chat. */
  onChanged(listener: () => void): void {
    this.#listeners.add(listener);
  }

  /** Lists of the library are out of date, here and in the window. */
  changed(): void {
    this.tellWindow();
    for (const listener of this.#listeners) listener();
  }

  /** Lists in the window are out of date. */
  tellWindow(): void {
    this.#revision += 1;
    this.#options.send('library-changed', { revision: this.#revision });
  }

  /** Imports files that were opened from the desktop; of a single one the window is told what it holds. */
  openFiles(paths: readonly string[]): void {
    const show = (opened: LibraryOpened): void => {
      // The window may still be starting; it asks then.
      this.#opened = opened;
      this.#options.send('library-opened', null);
    };
    this.imports.add(paths, paths.length === 1 ? show : null);
  }

  /** What was opened from the desktop last, once. */
  takeOpened(): LibraryOpened | null {
    const opened = this.#opened;
    this.#opened = null;
    return opened;
  }

  async close(): Promise<void> {
    this.#cancelTidy();
    await this.imports.close();
    await this.#host.close();
    try {
      await this.exports.close();
    } catch (thrown) {
      this.#options.log.warn({ error: reasonOf(thrown) }, 'files written for dragging could not be removed');
    }
  }

  /** Empties the bin of what nobody took back in time. */
  async #tidy(): Promise<void> {
    const { timers, log } = this.#options;
    const removed = await this.access.call('purge', { before: isoTime(timers.now() - BIN_KEPT_MS) });
    if (!removed.ok) log.warn({ code: removed.error.code }, 'the bin could not be tidied');
    else if (removed.value > 0) this.changed();
  }
}
