import { join } from 'node:path';
import { app, protocol } from 'electron';
import { startApp } from './app';
import type { RunningApp } from './app-places';
import { reasonOf } from './errors';
import { dataFolders, shippedFiles } from './services/folders';
import { LINK_SCHEME, linksOfArguments } from './services/deep-links/read-deep-link';
import { filesOfArguments } from './services/library/opened-files';
import { openLog, type Log } from './services/log';
import { APP_SCHEME, createAppProtocolHandler } from './windows/app-protocol';
import { pageAddress } from './windows/page-address';
import { guardWebContents } from './windows/web-contents-guard';

/** Everything is saved long before this; after it the app ends whatever still hangs. */
const QUIT_TIMEOUT_MS = 20_000;

/** As in electron-builder.yml. */
const APP_ID = 'coop.tore.desktop';

const entryFolder = import.meta.dirname;
const projectFolder = join(entryFolder, '..', '..');

const profileOverride = process.env['TORE_USER_DATA'];
if (!app.isPackaged && profileOverride !== undefined && profileOverride !== '') {
  app.setPath('userData', profileOverride);
}
// Windows shows notifications of, and starts at log-in, what has the name its installer gave the shortcut.
if (process.platform === 'win32') app.setAppUserModelId(APP_ID);
// One app per profile: a second one would write into the same files.
if (app.requestSingleInstanceLock()) run();
else app.exit(0);

function run(): void {
  const userData = app.getPath('userData');
  const log = openLog(dataFolders(userData).log, {
    level: process.env['TORE_LOG_LEVEL'] ?? 'info',
    echo: !app.isPackaged,
  });
  reportFaults(log);
  log.info({ version: app.getVersion(), electron: process.versions['electron'], platform: process.platform }, 'start');
  const address = pageAddress(app.isPackaged, process.env['ELECTRON_RENDERER_URL']);
  protocol.registerSchemesAsPrivileged([
    { scheme: APP_SCHEME, privileges: { standard: true, secure: true, supportFetchAPI: true, codeCache: true } },
  ]);

  let running: RunningApp | null = null;
  let showWhenReady = false;
  // Files opened before everything is there wait; macOS tells of them even before the app is ready.
  const opened: string[] = [...filesOfArguments(ownArguments(process.argv), process.cwd())];
  const openFiles = (paths: readonly string[]): void => {
    if (running === null) opened.push(...paths);
    else if (paths.length > 0) running.openFiles(paths);
  };
  const clicked: string[] = [...linksOfArguments(ownArguments(process.argv))];
  const openLinks = (links: readonly string[]): void => {
    if (running === null) clicked.push(...links);
    else if (links.length > 0) running.openLinks(links);
  };
  app.on('open-url', (event, link) => {
    event.preventDefault();
    openLinks(linksOfArguments([link]));
  });
  app.on('open-file', (event, path) => {
    event.preventDefault();
    openFiles([path]);
  });
  app.on('second-instance', (_event, argv, workingFolder) => {
    openFiles(filesOfArguments(ownArguments(argv), workingFolder));
    openLinks(linksOfArguments(ownArguments(argv)));
    if (running === null) showWhenReady = true;
    else running.show();
  });
  app.on('activate', () => running?.show());
  // The window's own owner decides whether its end is the app's end.
  app.on('window-all-closed', () => undefined);
  const { wantsToEnd, endThen } = endInOrder(() => running, log);

  const start = async (): Promise<void> => {
    await app.whenReady();
    // On Linux the desktop entry of the package says so; in development a program of another name would be registered.
    if (app.isPackaged && process.platform !== 'linux') app.setAsDefaultProtocolClient(LINK_SCHEME);
    protocol.handle(
      APP_SCHEME,
      createAppProtocolHandler(join(projectFolder, 'out', 'renderer'), dataFolders(userData).libraryFiles),
    );
    guardWebContents(address.origin, address.developmentOrigin, log);
    running = await startApp(
      {
        userData,
        shipped: shippedFiles(app.isPackaged ? process.resourcesPath : join(projectFolder, 'resources')),
        entryFolder,
        preload: join(entryFolder, '..', 'preload', 'index.cjs'),
        address,
        arguments: ownArguments(process.argv),
        endThen,
      },
      log,
    );
    if (showWhenReady) running.show();
    openFiles(opened.splice(0));
    openLinks(clicked.splice(0));
    // The window could only hide while nothing was there to end it in order.
    if (wantsToEnd()) app.quit();
  };
  start().catch((thrown: unknown) => {
    log.error({ error: reasonOf(thrown), stack: thrown instanceof Error ? thrown.stack : undefined }, 'start failed');
    app.exit(1);
  });
}

/** Arguments behind the program; in development Electron is the program and the app's folder an argument. */
function ownArguments(argv: readonly string[]): readonly string[] {
  return argv.slice(1);
}

/** A fault that nobody caught is a bug: it is written down, and the app goes on with what still works. */
function reportFaults(log: Log): void {
  process.on('uncaughtException', (error) => {
    log.error({ error: error.message, stack: error.stack }, 'a fault was not caught');
  });
  process.on('unhandledRejection', (reason) => {
    log.error(
      { error: reasonOf(reason), stack: reason instanceof Error ? reason.stack : undefined },
      'a failed promise was not handled',
    );
  });
  app.on('child-process-gone', (_event, { type, reason, exitCode, name }) => {
    // Utility processes have owners in this app, who know whether their end was wanted.
    if (type === 'Utility' || reason === 'clean-exit') return;
    log.error({ type, reason, exitCode, name }, 'a child process is gone');
  });
}

/**
 * Holds the end of the app back until everything is saved and every process has ended, for a bounded time.
 *
 * @returns whether the app was asked to end, also while it was still starting; and how to end it for something else
 */
function endInOrder(
  running: () => RunningApp | null,
  log: Log,
): { wantsToEnd: () => boolean; endThen: (act: () => void) => void } {
  let lastAct: (() => void) | null = null;
  let wanted = false;
  let ending = false;
  let ended = false;
  app.on('before-quit', () => {
    wanted = true;
    running()?.prepareToQuit();
  });
  app.on('will-quit', (event) => {
    const current = running();
    if (ended || current === null) return;
    event.preventDefault();
    if (ending) return;
    ending = true;
    const finish = (): void => {
      ended = true;
      log.info({}, 'end');
      if (lastAct === null) return app.exit(0);
      // What comes next may start the app again, which must not take this one for still running.
      app.releaseSingleInstanceLock();
      setTimeout(() => app.exit(0), QUIT_TIMEOUT_MS);
      lastAct();
    };
    const timer = setTimeout(() => {
      log.error({}, 'some parts did not end in time');
      finish();
    }, QUIT_TIMEOUT_MS);
    void current.close().finally(() => {
      clearTimeout(timer);
      finish();
    });
  });
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => app.quit());
  return {
    wantsToEnd: () => wanted,
    endThen: (act) => {
      lastAct = act;
      app.quit();
    },
  };
}
