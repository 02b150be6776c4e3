import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join, resolve } from 'node:path';
import { build } from 'vite';

const PROJECT = resolve(import.meta.dirname, '../../..');
const READY_WITHIN_MS = 60_000;

/** `tore-coordinator` as it is shipped, in a process of its own. */
export interface CoordinatorProcess {
  readonly url: string;
  readonly child: ChildProcess;
  /** What it wrote to its log so far. */
  log(): string;
  /** Ends it like a power cut. */
  kill(): Promise<void>;
  /** Ends it as a service manager does. */
  stop(): Promise<void>;
}

/** Builds the program for tests; it lies inside the project, where its packages are found. */
export async function buildCoordinatorProgram(): Promise<string> {
  const outDir = join(PROJECT, 'node_modules/.cache/test-programs', String(process.pid));
  await build({
    root: PROJECT,
    configFile: false,
    logLevel: 'silent',
    build: {
      ssr: resolve(PROJECT, 'src/cli/tore-coordinator.ts'),
      outDir,
      emptyOutDir: true,
      target: 'node20.18',
      rolldownOptions: { output: { format: 'es', entryFileNames: 'tore-coordinator.mjs' } },
    },
  });
  return join(outDir, 'tore-coordinator.mjs');
}

/** Starts it on a free port with settings from the environment, and waits until it says where it listens. */
export async function startCoordinatorProcess(
  program: string,
  folder: string,
  settings: Readonly<Record<string, string>>,
): Promise<CoordinatorProcess> {
  const child = spawn(process.execPath, [program, 'serve', '--port', '0'], {
    cwd: folder,
    env: { PATH: process.env['PATH'], ...settings },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let log = '';
  child.stderr.on('data', (text: Buffer) => {
    log += text.toString('utf8');
  });
  const exited = once(child, 'exit');
  const url = await new Promise<string>((settle, fail) => {
    let printed = '';
    const timer = setTimeout(() => fail(new Error(`the coordinator is not ready: ${log}`)), READY_WITHIN_MS);
    child.once('exit', () => fail(new Error(`the coordinator ended: ${log}`)));
    child.stdout.on('data', (text: Buffer) => {
      printed += text.toString('utf8');
      const found = /https?:\/\/127\.0\.0\.1:\d+/.exec(printed)?.[0];
      if (found === undefined) return;
      clearTimeout(timer);
      settle(found);
    });
  });
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null) child.kill(signal);
    await exited;
  };
  return { url, child, log: () => log, kill: () => end('SIGKILL'), stop: () => end('SIGTERM') };
}
