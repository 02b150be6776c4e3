import { fork } from 'node:child_process';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { build } from 'vite';
import { EngineClient, portToForkedProcess, type Engine } from '../../src/inference';

/** The program of the engine's own process, built for one measurement. */
export interface EngineProgram {
  readonly entryFile: string;
  remove(): Promise<void>;
}

/** Builds it inside the project, where its dependencies are found. */
export async function buildEngineProgram(): Promise<EngineProgram> {
  const project = process.cwd();
  const parent = join(project, 'node_modules', '.cache');
  await mkdir(parent, { recursive: true });
  const folder = await mkdtemp(join(parent, 'bench-engine-'));
  await build({
    root: project,
    configFile: false,
    logLevel: 'warn',
    build: {
      ssr: join(project, 'src', 'inference', 'engine', 'engine-process.ts'),
      outDir: folder,
      target: 'node20.18',
      rolldownOptions: { output: { entryFileNames: 'engine-process.mjs' } },
    },
  });
  return { entryFile: join(folder, 'engine-process.mjs'), remove: () => rm(folder, { recursive: true, force: true }) };
}

/** Starts an engine as the app and `tore-node` do: in a process of its own. */
export function startEngineProcess(entryFile: string): Engine {
  const child = fork(entryFile, { serialization: 'advanced', execArgv: [] });
  return new EngineClient(portToForkedProcess(child));
}
