// Drops real files on the window, as a file manager does: the page gets them with their places on the disk.
import type { ToreApp } from './fixtures';

type DragType = 'dragEnter' | 'dragOver' | 'drop';

/** Moves files over the window and, unless told otherwise, lets them go. */
export async function dropFiles(tore: ToreApp, paths: readonly string[], letGo = true): Promise<void> {
  const steps: readonly DragType[] = letGo ? ['dragEnter', 'dragOver', 'drop'] : ['dragEnter', 'dragOver'];
  await tore.electron.evaluate(
    async ({ BrowserWindow }, { files, types }) => {
      const contents = BrowserWindow.getAllWindows()[0]?.webContents;
      if (contents === undefined) throw new Error('there is no window to drop on');
      const wasAttached = contents.debugger.isAttached();
      if (!wasAttached) contents.debugger.attach('1.3');
      for (const type of types) {
        await contents.debugger.sendCommand('Input.dispatchDragEvent', {
          type,
          x: 400,
          y: 300,
          data: { items: [], files, dragOperationsMask: 1 },
        });
      }
      if (!wasAttached) contents.debugger.detach();
    },
    { files: [...paths], types: [...steps] },
  );
}
