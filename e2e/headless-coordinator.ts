// The built `tore-coordinator` in a process of its own, as an institution would run it.
import { spawn, type ChildProcess } from 'node:child_process';
import { join, resolve } from 'node:path';

const projectDirectory = resolve(import.meta.dirname, '..');

/** The access token every coordinator of a test asks for. */
export const HEADLESS_TOKEN = 'a-token-for-this-test-only';

/**
 * Starts `tore-coordinator` on a free port and resolves with its address once it prints it.
 *
 * @param settings - more of them, as variables of its environment
 */
export async function startCoordinator(
  folder: string,
  modelFolder = resolve(projectDirectory, 'resources/models/tore-tiny'),
  settings: Readonly<Record<string, string>> = {},
): Promise<{ process: ChildProcess; url: string }> {
  const child = spawn(
    process.execPath,
    [
      resolve(projectDirectory, 'out/main/tore-coordinator.js'),
      '--port=0',
      `--database=${join(folder, 'coordinator.sqlite')}`,
      '--opening-grant=4',
      `--model-folder=${modelFolder}`,
    ],
    { env: { ...process.env, TORE_ACCESS_TOKEN: HEADLESS_TOKEN, ...settings }, stdio: ['ignore', 'pipe', 'inherit'] },
  );
  let printed = '';
  child.stdout.setEncoding('utf8');
  for await (const chunk of child.stdout) {
    printed += String(chunk);
    const url = /https?:\/\/127\.0\.0\.1:\d+/.exec(printed)?.[0];
    if (url !== undefined) {
      child.stdout.resume();
      return { process: child, url };
    }
  }
  throw new Error(`tore-coordinator ended: ${printed}`);
}
