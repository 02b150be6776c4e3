import { open, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Stop } from '../tore/command';
import { EXIT } from '../tore/terminal';

/** Commands of one folder take turns; a script that runs several at once waits a little. */
const PATIENCE_MS = 30_000;
const PAUSE_MS = 50;

function isRunning(processId: number): boolean {
  try {
    process.kill(processId, 0);
    return true;
  } catch (thrown) {
    // Somebody else's process is one that runs.
    return (thrown as NodeJS.ErrnoException).code === 'EPERM';
  }
}

async function tryHold(path: string): Promise<boolean> {
  try {
    const file = await open(path, 'wx', 0o600);
    await file.writeFile(String(process.pid));
    await file.close();
    return true;
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code !== 'EEXIST') throw thrown;
    return false;
  }
}

/** Removes what a killed command left. One that has not written its number yet is left in peace. */
async function clearLeftover(path: string): Promise<void> {
  const text = await readFile(path, 'utf8').catch(() => '');
  if (/^\d{1,10}$/.test(text) && !isRunning(Number(text))) await rm(path, { force: true });
}

/**
 * Keeps other commands away from the copies in a folder, since two that write the same copy would spoil it.
 * @returns what lets them in again
 */
export async function holdFolder(dataFolder: string): Promise<() => Promise<void>> {
  const path = join(dataFolder, 'sessions.lock');
  const giveUpAt = Date.now() + PATIENCE_MS;
  while (!(await tryHold(path))) {
    if (Date.now() > giveUpAt) {
      throw new Stop(EXIT.io, `Another command uses ${dataFolder}; if none runs, remove ${path}.`);
    }
    await clearLeftover(path);
    await sleep(PAUSE_MS);
  }
  return () => rm(path, { force: true });
}
