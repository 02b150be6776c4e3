// The app as it is shipped: its fuses let nobody attach to the main process, so a test sees what Chromium's own debugging
// port shows of the window, and otherwise uses the app as its user does.
import { chromium, type Browser, type Page } from '@playwright/test';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';

const screensDirectory = join(import.meta.dirname, 'artifacts', 'screens');
const START_TIMEOUT_MS = 60_000;
const END_TIMEOUT_MS = 20_000;

export interface PackagedApp {
  readonly window: Page;
  /** From starting the program to its window being usable. */
  readonly startMs: number;
  readonly output: string[];
  screenshot(name: string): Promise<void>;
  /** Ends it as the system would at log-out; resolves with its exit code, null where a signal was needed. */
  close(): Promise<number | null>;
}

async function debuggingAddress(child: ChildProcess, output: string[]): Promise<string> {
  const { promise, resolve, reject } = deferred<string>();
  const timer = setTimeout(() => reject(new Error(`no window: ${output.join('')}`)), START_TIMEOUT_MS);
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8');
    stream?.on('data', (text: string) => {
      output.push(text);
      const address = /DevTools listening on (ws:\/\/\S+)/.exec(output.join(''))?.[1];
      if (address !== undefined) resolve(address);
    });
  }
  child.once('exit', (code) => reject(new Error(`it ended with code ${code}: ${output.join('')}`)));
  return promise.finally(() => clearTimeout(timer));
}

function deferred<Value>() {
  let resolve: (value: Value) => void = () => undefined;
  let reject: (reason: Error) => void = () => undefined;
  const promise = new Promise<Value>((fulfil, refuse) => {
    resolve = fulfil;
    reject = refuse;
  });
  return { promise, resolve, reject };
}

async function pageOf(browser: Browser): Promise<Page> {
  const [context] = browser.contexts();
  if (context === undefined) throw new Error('the app shows nothing');
  return context.pages()[0] ?? context.waitForEvent('page', { timeout: START_TIMEOUT_MS });
}

/** Starts a packed app with a profile of its own. */
export async function launchPackaged(executable: string, profile: string): Promise<PackagedApp> {
  const isRoot = process.platform === 'linux' && process.getuid?.() === 0;
  const startedAt = performance.now();
  const child = spawn(executable, ['--remote-debugging-port=0', ...(isRoot ? ['--no-sandbox'] : [])], {
    // On Linux the profile lies in the folder for configurations.
    env: { ...process.env, XDG_CONFIG_HOME: profile },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const output: string[] = [];
  const browser = await chromium.connectOverCDP(await debuggingAddress(child, output));
  const window = await pageOf(browser);
  await window.getByTestId('welcome-next').or(window.getByTestId('status-state')).first().waitFor();
  const startMs = performance.now() - startedAt;
  return {
    window,
    startMs,
    output,
    async screenshot(name) {
      await mkdir(screensDirectory, { recursive: true });
      await window.screenshot({ path: join(screensDirectory, `packaged-${name}.png`) });
    },
    async close() {
      if (child.exitCode !== null) return child.exitCode;
      const ended = once(child, 'exit') as Promise<[number | null]>;
      const kill = setTimeout(() => child.kill('SIGKILL'), END_TIMEOUT_MS);
      child.kill('SIGTERM');
      const [code] = await ended;
      clearTimeout(kill);
      await browser.close();
      return code;
    },
  };
}
