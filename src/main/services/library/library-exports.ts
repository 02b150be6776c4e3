import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { ExportOutcome, LibraryExportFormat } from '../../../contract/library';
import { exportFileName, FileNames } from '../../../library/export/file-names';
import type { LibraryAccess } from '../../../library/service/library-access';
import { success, type Result } from '../../../protocol/result';

/** Conversations dragged out at once: they are written while the pointer is held. */
const MAX_DRAGGED = 50;
const DRAG_PREFIX = 'tore-drag-';

const ENDINGS: Readonly<Record<LibraryExportFormat, string>> = {
  tore5: 'tore5.json',
  markdown: 'md',
  html: 'html',
  jsonl: 'jsonl',
};

/** What the system's dialogs are asked. */
export interface SaveDialogs {
  /** A name for one file; null when the dialog was closed. */
  readonly saveFile: (suggestedName: string, ending: string) => Promise<string | null>;
  readonly chooseFolder: () => Promise<string | null>;
}

interface LibraryExportsOptions {
  readonly library: LibraryAccess;
  readonly dialogs: SaveDialogs;
  /** The system's folder for files that may go at any time. */
  readonly temporaryFolder: string;
}

/** Writes conversations and projects where the person says, or for a drag to take along. */
export class LibraryExports {
  readonly #options: LibraryExportsOptions;
  readonly #dragFolders: string[] = [];

  constructor(options: LibraryExportsOptions) {
    this.#options = options;
  }

  /** One conversation, or several that one file holds, into a file; several others into a folder. */
  async conversations(ids: readonly string[], format: LibraryExportFormat): Promise<Result<ExportOutcome>> {
    const { library, dialogs } = this.#options;
    const isOneFile = format === 'jsonl' || format === 'html' || (ids.length === 1 && format === 'tore5');
    const ending = ENDINGS[format];
    const path = isOneFile
      ? await dialogs.saveFile(await this.#suggestedName(ids, ending), ending)
      : await dialogs.chooseFolder();
    if (path === null) return success(null);
    const target = { kind: isOneFile ? 'file' : 'folder', path } as const;
    const written = await library.call('export', { ids, format, target });
    return written.ok ? success({ path, ...written.value }) : written;
  }

  async #suggestedName(ids: readonly string[], ending: string): Promise<string> {
    const [only] = ids;
    if (only === undefined || ids.length > 1) return exportFileName('conversations', `.${ending}`);
    const found = await this.#options.library.call('read', { id: only, through: null });
    return exportFileName(found.ok ? found.value.title : 'conversation', `.${ending}`);
  }

  async project(id: string): Promise<Result<ExportOutcome>> {
    const { library, dialogs } = this.#options;
    const found = await library.call('project', { id });
    if (!found.ok) return found;
    const path = await dialogs.saveFile(exportFileName(found.value.name, '.tore4.json'), 'tore4.json');
    if (path === null) return success(null);
    const written = await library.call('exportProject', { id, path });
    return written.ok ? success({ path, ...written.value }) : written;
  }

  /** Files of conversations in a folder of their own, for the system to copy to where they are dropped. */
  async forDrag(ids: readonly string[]): Promise<Result<readonly string[]>> {
    const { library, temporaryFolder } = this.#options;
    const folder = await mkdtemp(join(temporaryFolder, DRAG_PREFIX));
    this.#dragFolders.push(folder);
    const paths: string[] = [];
    const names = new FileNames();
    for (const id of ids.slice(0, MAX_DRAGGED)) {
      const found = await library.call('read', { id, through: null });
      if (!found.ok) return found;
      const path = join(folder, names.unique(found.value.title, '.tore5.json'));
      const written = await library.call('export', { ids: [id], format: 'tore5', target: { kind: 'file', path } });
      if (!written.ok) return written;
      paths.push(path);
    }
    return success(paths);
  }

  /** Removes what was written for drags. */
  async close(): Promise<void> {
    for (const folder of this.#dragFolders) await rm(folder, { recursive: true, force: true });
  }
}
