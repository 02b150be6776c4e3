import { fork, type ChildProcess } from 'node:child_process';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'vite';
import { EngineClient } from '../engine/engine-client';
import { portToForkedProcess } from '../engine/port';

const REPOSITORY = fileURLToPath(new URL('../../../', import.meta.url));
const ENTRY = fileURLToPath(new URL('../engine/engine-process.ts', import.meta.url));
const FILE = 'engine-process.js';

export interface ForkedEngine {
  readonly engine: EngineClient;
  readonly child: ChildProcess;
}

/** Builds the engine's process as the app does, and starts as many as a test asks for. */
export class EngineForge {
  readonly #folder: string;
  readonly #children: ChildProcess[] = [];

  private constructor(folder: string) {
    this.#folder = folder;
  }

  static async build(): Promise<EngineForge> {
    // Inside node_modules, so that the built file finds the packages it leaves outside.
    const parent = join(REPOSITORY, 'node_modules', '.cache');
    await mkdir(parent, { recursive: true });
    const folder = await mkdtemp(join(parent, 'engine-process-'));
    await build({
      root: REPOSITORY,
      configFile: false,
      logLevel: 'warn',
      build: {
        ssr: ENTRY,
        outDir: folder,
        emptyOutDir: true,
        target: 'node20',
        rollupOptions: { output: { entryFileNames: FILE } },
      },
    });
    return new EngineForge(folder);
  }

  /** @param env - added to the variables of this process */
  start(env: Record<string, string> = {}): ForkedEngine {
    const child = fork(join(this.#folder, FILE), { serialization: 'advanced', env: { ...process.env, ...env } });
    this.#children.push(child);
    return { engine: new EngineClient(portToForkedProcess(child)), child };
  }

  /** Ends all processes that were started. */
  async endAll(): Promise<void> {
    for (const child of this.#children.splice(0)) {
      child.kill('SIGKILL');
      await ended(child);
    }
  }

  async remove(): Promise<void> {
    await rm(this.#folder, { recursive: true, force: true });
  }
}

export function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  return new Promise((resolve) => child.once('exit', () => resolve()));
}
