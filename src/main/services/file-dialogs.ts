import { app, dialog, type BrowserWindow } from 'electron';
import { join } from 'node:path';
import type { TrustDialogs } from './trust/start-trust';

/** The system's dialogs for saving and opening one file, over the window. */
export function fileDialogs(parentOf: () => BrowserWindow | null): TrustDialogs {
  return {
    async save(suggestedName) {
      const options = { defaultPath: join(app.getPath('documents'), suggestedName) };
      const parent = parentOf();
      const chosen = await (parent === null ? dialog.showSaveDialog(options) : dialog.showSaveDialog(parent, options));
      return chosen.canceled || chosen.filePath === '' ? null : chosen.filePath;
    },
    async open(title, extensions) {
      const options = {
        title,
        properties: ['openFile' as const, 'dontAddToRecent' as const],
        filters: [{ name: title, extensions: [...extensions] }],
      };
      const parent = parentOf();
      const chosen = await (parent === null ? dialog.showOpenDialog(options) : dialog.showOpenDialog(parent, options));
      return chosen.canceled ? null : (chosen.filePaths[0] ?? null);
    },
  };
}
