import { existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { app, dialog, net } from 'electron';
import type { Settings } from '../../../contract/settings';
import type { SystemView } from '../../../contract/system-calls';
import { success } from '../../../protocol/result';
import { reasonOf } from '../../errors';
import type { CallRegistry } from '../../ipc/call-registry';
import type { SendEvent } from '../../ipc/send-event';
import type { Texts } from '../../texts/texts';
import type { Log } from '../log';
import type { Timers } from '../timers';
import { electronUpdater } from '../updates/electron-updater';
import { readFeed } from '../updates/update-feed';
import { UpdateService } from '../updates/update-service';
import { updatesOffReason, type Activity } from '../updates/update-state';
import { LoginItem, loginItemProblem } from './login-item';
import { removeAndTell } from './remove-data';

export interface SystemOptions {
  readonly userData: string;
  readonly installationId: string;
  readonly settings: () => Settings;
  readonly activity: () => Activity;
  readonly trayAvailable: () => boolean;
  readonly send: SendEvent;
  readonly texts: () => Texts;
  /** Ends the app in order, then does something in its place. */
  readonly endThen: (act: () => void) => void;
  readonly timers: Timers;
  readonly log: Log;
}

export interface SystemFeature {
  start(): void;
  settingsChanged(current: Settings, previous: Settings): void;
  registerCalls(calls: CallRegistry): void;
  close(): void;
}

/** A file of the package, or null where there is none. */
function readResource(name: string): string | null {
  const path = join(process.resourcesPath, name);
  return app.isPackaged && existsSync(path) ? readFileSync(path, 'utf8').trim() : null;
}

function readFeedDocument(log: Log): unknown {
  const text = readResource('update-feed.json');
  try {
    return text === null ? null : JSON.parse(text);
  } catch (thrown) {
    log.warn({ error: reasonOf(thrown) }, 'update-feed.json cannot be read');
    return null;
  }
}

/** The app as a program of this computer: its start at log-in, its updates, its removal. */
export function startSystem(options: SystemOptions): SystemFeature {
  const { settings, send, timers, log, endThen } = options;
  const flatpak = existsSync('/.flatpak-info');
  const places = {
    packaged: app.isPackaged,
    platform: process.platform,
    environment: process.env,
    home: homedir(),
    executable: app.getPath('exe'),
    flatpak,
  };
  const loginItem = new LoginItem(places, (item) => app.setLoginItemSettings(item), log);
  const feed = readFeed(readFeedDocument(log));
  const updates = new UpdateService({
    offReason: updatesOffReason({
      ...places,
      packageType: readResource('package-type'),
      hasFeed: feed !== null,
    }),
    feed,
    updater: electronUpdater(endThen, log),
    fetchAddress: (address, init) => net.fetch(address, init),
    currentVersion: app.getVersion(),
    installationId: options.installationId,
    platform: process.platform,
    arch: process.arch,
    settings: () => settings().updates,
    activity: options.activity,
    onState: () => send('system-changed', null),
    timers,
    log,
  });
  return {
    start: () => {
      updates.start();
      void loginItem.apply(settings());
    },
    settingsChanged: (current, previous) => {
      if (current.startAtLogin !== previous.startAtLogin || current.startHidden !== previous.startHidden) {
        void loginItem.apply(current);
      }
      if (current.updates !== previous.updates) updates.apply();
    },
    registerCalls: (calls) => {
      calls.registerCall('system:get', () =>
        success<SystemView>({
          updates: updates.state,
          loginItemProblem: loginItemProblem(places),
          dataFolder: options.userData,
          trayAvailable: options.trayAvailable(),
        }),
      );
      calls.registerCall('updates:check', async () => {
        await updates.check();
        return success(null);
      });
      calls.registerCall('updates:proceed', () => updates.proceed());
      calls.registerCall('system:remove-data', async () => {
        await loginItem.apply({ startAtLogin: false, startHidden: false });
        endThen(() => {
          removeAndTell(options.userData, log, (left) => {
            const { title, left: leftIn } = options.texts().removal;
            dialog.showErrorBox(title, leftIn(options.userData, left.join('\n')));
          });
          app.exit(0);
        });
        return success(null);
      });
    },
    close: () => updates.close(),
  };
}
