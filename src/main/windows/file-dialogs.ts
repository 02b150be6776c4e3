import { dialog, type BrowserWindow, type OpenDialogOptions } from 'electron';
import type { DialogTitle, Texts } from '../texts/texts';

/** The system's dialogs for files, over the window where there is one. */
export class FileDialogs {
  readonly #window: () => BrowserWindow | null;
  readonly #texts: () => Texts;

  constructor(window: () => BrowserWindow | null, texts: () => Texts) {
    this.#window = window;
    this.#texts = texts;
  }

  /** Files or a folder to read; empty when the dialog was closed. */
  async open(title: DialogTitle, what: 'file' | 'files' | 'folder'): Promise<readonly string[]> {
    const options: OpenDialogOptions = {
      title: this.#texts().dialogs[title],
      properties: [
        what === 'folder' ? 'openDirectory' : 'openFile',
        ...(what === 'files' ? (['multiSelections'] as const) : []),
        'dontAddToRecent',
      ],
    };
    const parent = this.#window();
    const picked = await (parent === null ? dialog.showOpenDialog(options) : dialog.showOpenDialog(parent, options));
    return picked.canceled ? [] : picked.filePaths;
  }

  /** A folder to write into; null when the dialog was closed. */
  async chooseFolder(title: DialogTitle): Promise<string | null> {
    return (await this.open(title, 'folder'))[0] ?? null;
  }

  /** A name for a file to write; null when the dialog was closed. */
  async saveFile(title: DialogTitle, suggestedName: string, ending: string): Promise<string | null> {
    const options = {
      title: this.#texts().dialogs[title],
      defaultPath: suggestedName,
      filters: [{ name: ending, extensions: [ending] }],
    };
    const parent = this.#window();
    const picked = await (parent === null ? dialog.showSaveDialog(options) : dialog.showSaveDialog(parent, options));
    return picked.canceled || picked.filePath === '' ? null : picked.filePath;
  }
}
