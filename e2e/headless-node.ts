// A second contributor: the built `tore-node` in a process of its own, as another computer would run it.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import type { JoinDetails } from './actions';

const projectDirectory = resolve(import.meta.dirname, '..');

export interface HeadlessNode {
  /** Everything it printed, for the report of a failing test. */
  readonly output: string[];
  /** Ends it at once, as a power cut would. */
  kill(): Promise<void>;
}

/** Starts `tore-node` against the app's coordinator; `dataFolder` keeps its key, so that a second start is the same node. */
export function startHeadlessNode(
  join: Pick<JoinDetails, 'url'> & Partial<JoinDetails>,
  dataFolder: string,
  args: string[] = [],
): HeadlessNode {
  const child: ChildProcess = spawn(
    process.execPath,
    [
      resolve(projectDirectory, 'out/main/tore-node.js'),
      `--coordinator=${join.url}`,
      `--data-folder=${dataFolder}`,
      `--model-folder=${resolve(projectDirectory, 'resources/models/tore-tiny')}`,
      '--json',
      ...args,
    ],
    {
      env: { ...process.env, TORE_ACCESS_TOKEN: join.accessToken ?? '' },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    },
  );
  const output: string[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8');
    stream?.on('data', (chunk: string) => output.push(chunk));
  }
  return {
    output,
    async kill() {
      if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
      const ended = once(child, 'exit');
      // The whole group, so that its engine process goes with it.
      process.kill(-child.pid, 'SIGKILL');
      await ended;
    },
  };
}
