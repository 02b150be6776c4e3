import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { build } from 'vite';

const PROJECT = resolve(import.meta.dirname, '../../..');

/** A coordinator of the test model in a process of its own, over one database and at one port whatever happens to it. */
export interface KillableCoordinator {
  readonly url: string;
  /** Ends it like a power cut. */
  kill(): Promise<void>;
  /** Starts it again over what the last one left. */
  start(): Promise<void>;
  /** Ends it and removes what it left. */
  remove(): Promise<void>;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** Packages with native code, which the built program loads from where they are. */
const NATIVE_PACKAGES = ['@photostructure/sqlite', 'onnxruntime-node'];

/**
 * Builds the program inside the project, where its native packages are found. All others are part of it: it is started
 * many times, and looking for their hundreds of files takes longer than the rest of a start.
 */
async function buildProgram(): Promise<string> {
  const cache = join(PROJECT, 'node_modules', '.cache');
  await mkdir(cache, { recursive: true });
  const folder = await mkdtemp(join(cache, 'coordinator-'));
  await build({
    root: PROJECT,
    configFile: false,
    logLevel: 'warn',
    ssr: { noExternal: true, external: NATIVE_PACKAGES },
    build: {
      ssr: join(PROJECT, 'src/coordinator/testing/test-model-coordinator.ts'),
      outDir: folder,
      target: 'node20',
      rolldownOptions: { output: { entryFileNames: 'coordinator.mjs' } },
    },
  });
  return folder;
}

/** Builds and starts one that grants every new node `openingGrantMicroGft`. */
export async function startKillableCoordinator(openingGrantMicroGft: number): Promise<KillableCoordinator> {
  const folder = await mkdtemp(join(tmpdir(), 'tore-sudden-'));
  const programFolder = await buildProgram();
  const port = await freePort();
  const options = JSON.stringify({
    databaseFile: join(folder, 'coordinator.sqlite'),
    port,
    modelFolders: ['/models/test'],
    openingGrantMicroGft,
    firstChallengeAfterSeconds: 3_600,
    rateLimitPerMinute: 1_000_000,
    replacementWaitSeconds: 5,
  });
  let child: ChildProcess | null = null;
  const start = async (): Promise<void> => {
    const started = spawn(process.execPath, [join(programFolder, 'coordinator.mjs'), options], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    child = started;
    // The first thing it prints is where it listens.
    await Promise.race([
      once(started.stdout, 'data'),
      once(started, 'exit').then(() => Promise.reject(new Error('the coordinator ended while it started'))),
    ]);
  };
  const kill = async (): Promise<void> => {
    if (child === null || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
  };
  await start();
  return {
    url: `http://127.0.0.1:${port}`,
    kill,
    start,
    remove: async () => {
      await kill();
      await rm(folder, { recursive: true, force: true });
      await rm(programFolder, { recursive: true, force: true });
    },
  };
}
