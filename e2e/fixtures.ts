// Starts the real app for a test: a fresh profile, no network beyond this computer, everything it prints kept, and a
// failure when anything in it ended in an uncaught error.
import { _electron, test as base, type ElectronApplication, type Page } from '@playwright/test';
import type { ChildProcess } from 'node:child_process';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { electronEnvironment, ensureElectron } from '../scripts/electron-runtime.mjs';
import { completeWelcome, untilServing } from './actions';
import { PreparedProfiles } from './prepared-profile';

const projectDirectory = resolve(import.meta.dirname, '..');
const screensDirectory = join(import.meta.dirname, 'artifacts', 'screens');

/** The app stops its processes and closes its stores within this time, or it counts as hanging. */
const closeTimeoutMs = 20_000;

/**
 * Where the test has no network of its own, in which everything that tries to leave is counted, Chromium may at least
 * resolve this computer only.
 */
const hasOwnNetwork = process.env['TORE_OWN_NETWORK'] !== undefined;
const loopbackOnly = '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1, EXCLUDE ::1';
const localAddress =
  /^(app|data|blob|devtools|chrome-error|about|file):|^(https?|wss?):\/\/(localhost|127\.0\.0\.1|\[::1\])[:/]/;

/**
 * What Electron and Node print when an error reached nobody, what the app's own handlers of last resort log then
 * (src/main/index.ts), and what Chromium prints when the CSP stopped something.
 */
const uncaughtPatterns = [
  /Uncaught Exception/,
  /Uncaught \(in promise\)/,
  /UnhandledPromiseRejection/,
  /App threw an error during load/,
  /"msg":"(a fault was not caught|a failed promise was not handled|start failed)"/,
  /A JavaScript error occurred in the main process/,
  /violates the following Content Security Policy/,
  /Refused to /,
];

export type Theme = 'light' | 'dark';

export interface LaunchOptions {
  /** Profile folder of an earlier launch in the same test, to start again with what it kept. */
  profile?: string;
  /** Variables added to the app's environment. */
  env?: Record<string, string>;
  /** Arguments after those of the test itself. */
  args?: string[];
}

export interface ToreApp {
  /** Playwright's handle on the main process. */
  electron: ElectronApplication;
  /** The main window. */
  window: Page;
  /** Folder with the app's settings and data; removed after the test. */
  profile: string;
  /** Everything main and renderer printed, one entry a line, as `main: …` or `window: …`. */
  log: string[];
  /** Lets lines that match pass although they look like an uncaught error, for tests that provoke one. */
  expectProblem(pattern: RegExp): void;
  /** Keeps a picture of the window per theme in `e2e/artifacts/screens/<name>-<theme>.png`. */
  screenshot(name: string, themes?: readonly Theme[]): Promise<void>;
  /** Quits the app as a user would and waits for its end. */
  close(): Promise<void>;
}

interface Launched extends ToreApp {
  /** Lines that nobody allowed. */
  problems(): string[];
}

type Launch = (options?: LaunchOptions) => Promise<ToreApp>;

interface Fixtures {
  /** The profiles of this run that have a first start behind them. */
  prepared: PreparedProfiles;
  /** Starts the app; may be called several times in a test. */
  launchTore: Launch;
  /** Starts the app as a computer that has been through Welcome before, and waits until it serves its own coordinator. */
  launchServing: Launch;
  /** Starts the app before Welcome on a computer that was measured before, where this run has measured it. */
  launchMeasured: Launch;
  /** The app on its first start. */
  tore: ToreApp;
  /** The app at work, its first start behind it. */
  servingTore: ToreApp;
}

/** Environment of the app: this process's own without what would change how Electron starts. */
function appEnvironment(profile: string, added: Record<string, string>): Record<string, string> {
  const inherited = Object.entries(process.env).filter(
    (entry): entry is [string, string] => entry[1] !== undefined && !entry[0].startsWith('ELECTRON_'),
  );
  const display = process.env['TORE_DISPLAYS']?.split(',')[Number(process.env['TEST_PARALLEL_INDEX'] ?? 0)];
  // On Linux a packed app keeps its profile in the folder for configurations; the variable of its own it does not know.
  return {
    ...Object.fromEntries(inherited),
    ...(display === undefined ? {} : { DISPLAY: display }),
    TORE_USER_DATA: profile,
    XDG_CONFIG_HOME: profile,
    ...added,
  };
}

function isLinuxRoot(): boolean {
  return process.platform === 'linux' && process.getuid?.() === 0;
}

function watchLines(stream: NodeJS.ReadableStream | null, onLine: (line: string) => void): void {
  let rest = '';
  stream?.setEncoding('utf8');
  stream?.on('data', (chunk: string) => {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    lines.filter((line) => line.trim() !== '').forEach(onLine);
  });
}

function watchWindow(page: Page, note: (line: string) => void, problem: (line: string) => void): void {
  page.on('console', (message) => {
    const line = `window: [${message.type()}] ${message.text()}`;
    note(line);
    if (message.type() === 'error' && uncaughtPatterns.some((pattern) => pattern.test(line))) {
      problem(line);
    }
  });
  page.on('pageerror', (error) => problem(`window: uncaught ${error.stack ?? error.message}`));
  page.on('crash', () => problem('window: the page crashed'));
  page.on('request', (request) => {
    if (!localAddress.test(request.url())) {
      problem(`window: request to the outside: ${request.url()}`);
    }
  });
}

/** Whether the app ended in time; one that did not is killed. */
async function endInTime(electron: ElectronApplication, child: ChildProcess): Promise<boolean> {
  if (child.exitCode !== null || child.signalCode !== null) {
    return true;
  }
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((fulfil) => {
    timer = setTimeout(() => fulfil(false), closeTimeoutMs);
  });
  const ended = await Promise.race([electron.close().then(() => true), late]);
  clearTimeout(timer);
  if (!ended) {
    child.kill('SIGKILL');
  }
  return ended;
}

/** What is started: the packed app that `TORE_PACKED_APP` names, else the built one in a runtime of its own. */
async function startedProgram(): Promise<{ executablePath?: string; args: string[] }> {
  const executablePath = process.env['TORE_PACKED_APP'];
  if (executablePath !== undefined) return { executablePath, args: [] };
  // Without an executable path Playwright starts the electron package's runtime with a module of its own that holds
  // `ready` back until the test is attached; these variables tell the package which runtime that is.
  Object.assign(process.env, electronEnvironment(await ensureElectron({ quiet: true })));
  return { args: [projectDirectory] };
}

/** Has the app in a theme, or in the system's, and waits until the window has taken it on. */
export async function showTheme(electron: ElectronApplication, window: Page, source: Theme | 'system'): Promise<void> {
  const theme = await electron.evaluate(({ nativeTheme }, value): Theme => {
    nativeTheme.themeSource = value;
    return nativeTheme.shouldUseDarkColors ? 'dark' : 'light';
  }, source);
  await window.waitForFunction((scheme) => document.documentElement.dataset['mantineColorScheme'] === scheme, theme);
}

async function launch(profile: string, { env = {}, args = [] }: LaunchOptions): Promise<Launched> {
  const program = await startedProgram();
  const electron = await _electron.launch({
    cwd: projectDirectory,
    ...program,
    args: [...(hasOwnNetwork ? [] : [loopbackOnly]), ...program.args, ...args],
    env: appEnvironment(profile, env),
    // Off only as root, where Chromium refuses to start with it.
    chromiumSandbox: !isLinuxRoot(),
    // The app's own theme setting decides, not an emulated one.
    colorScheme: null,
  });

  // Playwright forgets the process once the app has closed.
  const child = electron.process();

  const log: string[] = [];
  const problems: string[] = [];
  const expected: RegExp[] = [];
  const problem = (line: string): void => {
    log.push(line);
    problems.push(line);
  };
  const onMainLine = (line: string): void => {
    log.push(`main: ${line}`);
    if (uncaughtPatterns.some((pattern) => pattern.test(line))) {
      problems.push(`main: ${line}`);
    }
  };
  watchLines(child.stdout, onMainLine);
  watchLines(child.stderr, onMainLine);
  const watch = (page: Page): void => watchWindow(page, (line) => log.push(line), problem);
  electron.windows().forEach(watch);
  electron.on('window', watch);

  const window = await electron.firstWindow();
  await window.waitForLoadState();
  return {
    electron,
    window,
    profile,
    log,
    problems: () => problems.filter((line) => !expected.some((pattern) => pattern.test(line))),
    expectProblem: (pattern) => void expected.push(pattern),
    async screenshot(name, themes = ['light', 'dark']) {
      await mkdir(screensDirectory, { recursive: true });
      const before = await electron.evaluate(({ nativeTheme }) => nativeTheme.themeSource);
      for (const theme of themes) {
        await showTheme(electron, window, theme);
        await window.screenshot({ path: join(screensDirectory, `${name}-${theme}.png`), animations: 'disabled' });
      }
      await showTheme(electron, window, before);
    },
    async close() {
      if (!(await endInTime(electron, child))) {
        problem(`main: the app did not quit within ${closeTimeoutMs / 1000} seconds`);
      }
    },
  };
}

function newProfile(): Promise<string> {
  return mkdtemp(join(tmpdir(), 'tore-e2e-'));
}

export const test = base.extend<Fixtures>({
  // Playwright reads the fixtures a fixture needs from this pattern; it needs none.
  // oxlint-disable-next-line no-empty-pattern
  launchTore: async ({}, use, testInfo) => {
    const launched: Launched[] = [];
    const profiles = new Set<string>();
    try {
      await use(async (options = {}) => {
        const profile = options.profile ?? (await newProfile());
        profiles.add(profile);
        const app = await launch(profile, options);
        launched.push(app);
        return app;
      });
      for (const app of launched) {
        await app.close();
      }
    } finally {
      for (const profile of profiles) {
        await rm(profile, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
      }
    }
    const problems = launched.flatMap((app) => app.problems());
    if (problems.length > 0 || testInfo.status !== testInfo.expectedStatus) {
      const body = launched.map((app) => app.log.join('\n')).join('\n\n');
      await testInfo.attach('log of the app', { body, contentType: 'text/plain' });
    }
    if (problems.length > 0) {
      throw new Error(`the app had problems nobody handled:\n${problems.join('\n')}`);
    }
  },
  // oxlint-disable-next-line no-empty-pattern
  prepared: async ({}, use, { project }) => {
    await use(new PreparedProfiles(project.outputDir));
  },
  launchServing: async ({ launchTore, prepared }, use) => {
    let place = 0;
    await use(async (options = {}) => {
      const here = place++;
      const profile = await newProfile();
      const isPrepared = await prepared.fill(profile, 'serving', here);
      const app = await launchTore({ ...options, profile });
      if (isPrepared) {
        await untilServing(app.window);
      } else {
        await completeWelcome(app.window);
        await prepared.keep(profile, here);
      }
      return app;
    });
  },
  launchMeasured: async ({ launchTore, prepared }, use) => {
    let place = 0;
    await use(async (options = {}) => {
      const profile = await newProfile();
      await prepared.fill(profile, 'measured', place++);
      return launchTore({ ...options, profile });
    });
  },
  tore: async ({ launchTore }, use) => {
    await use(await launchTore());
  },
  servingTore: async ({ launchServing }, use) => {
    await use(await launchServing());
  },
});

export { expect } from '@playwright/test';
