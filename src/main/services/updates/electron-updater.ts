import type { AppUpdater, UpdateInfo } from 'electron-updater';
import { success, type Result } from '../../../protocol/result';
import { mainFailure, reasonOf } from '../../errors';
import type { Log } from '../log';
import type { Release } from './update-feed';
import type { SystemUpdater } from './update-service';

/** Whether the file electron-updater read is the one whose signature was checked: the same version and the same hashes. */
export function isSameRelease(read: Pick<UpdateInfo, 'version' | 'files'>, checked: Release): boolean {
  const hashes = (files: readonly { sha512: string }[]): string =>
    JSON.stringify(files.map(({ sha512 }) => sha512).sort());
  return read.version === checked.version && hashes(read.files) === hashes(checked.files);
}

/**
 * Fetches and installs through electron-updater, which knows each kind of installation. It is loaded when it is needed:
 * most starts need it for nothing. The signature was checked before; electron-updater compares the hashes it names.
 *
 * @param endThen - ends the app in order, then does something in its place
 */
export function electronUpdater(endThen: (act: () => void) => void, log: Log): SystemUpdater {
  let loaded: AppUpdater | null = null;
  const updater = async (): Promise<AppUpdater> => {
    if (loaded !== null) return loaded;
    // The package is CommonJS, so that everything it has hangs on its default export.
    loaded = (await import('electron-updater')).default.autoUpdater;
    loaded.logger = {
      info: (message: unknown) => log.debug({}, String(message)),
      warn: (message: unknown) => log.warn({}, String(message)),
      error: (message: unknown) => log.error({}, String(message)),
    };
    loaded.autoDownload = false;
    loaded.autoInstallOnAppQuit = false;
    // Whose turn it is was decided from the signed release.
    loaded.isUserWithinRollout = () => true;
    return loaded;
  };
  return {
    async download(feedUrl, channel, release, onProgress): Promise<Result<void>> {
      try {
        const system = await updater();
        system.setFeedURL({ provider: 'generic', url: feedUrl, channel });
        const found = await system.checkForUpdates();
        if (found === null || !isSameRelease(found.updateInfo, release)) {
          return mainFailure('update-refused', 'The server of updates offers something else than what was signed.', {
            suggestion: 'Nothing was fetched. Try again later.',
          });
        }
        const listen = ({ percent }: { percent: number }): void => onProgress(percent / 100);
        system.on('download-progress', listen);
        try {
          await system.downloadUpdate();
        } finally {
          system.off('download-progress', listen);
        }
        return success(undefined);
      } catch (thrown) {
        return mainFailure('update-failed', `The update could not be fetched: ${reasonOf(thrown)}.`, {
          retryable: true,
        });
      }
    },
    install(): void {
      endThen(() => loaded?.quitAndInstall(true, true));
    },
  };
}
