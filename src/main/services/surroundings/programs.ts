import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from './run-tool';

/** Program names as people write them: without a folder, an ending or capitals. */
export function programName(text: string): string {
  const base = text.trim().split(/[/\\]/).at(-1) ?? '';
  return base.replace(/\.(exe|app)$/i, '').toLowerCase();
}

/** The kernel keeps this many characters of a program's name. */
const LINUX_NAME_LENGTH = 15;

/** Those of the wanted programs that are among the running ones, as they were written. */
export function runningOf(wanted: readonly string[], running: Iterable<string>): readonly string[] {
  const names = new Set([...running].map(programName));
  return wanted.filter((name) => {
    const asked = programName(name);
    return names.has(asked) || (asked.length > LINUX_NAME_LENGTH && names.has(asked.slice(0, LINUX_NAME_LENGTH)));
  });
}

/** Names from `tasklist /fo csv /nh`: the first quoted field of each line. */
export function parseTasklist(text: string): readonly string[] {
  return [...text.matchAll(/^"([^"]+)"/gm)].map((match) => match[1] ?? '');
}

async function linuxPrograms(): Promise<readonly string[]> {
  const ids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const names = await Promise.all(ids.map((id) => readFile(join('/proc', id, 'comm'), 'utf8').catch(() => '')));
  return names.filter((name) => name !== '');
}

/** Names of all running programs. */
export async function listPrograms(platform: NodeJS.Platform): Promise<readonly string[]> {
  if (platform === 'linux') return linuxPrograms();
  if (platform === 'win32') return parseTasklist(await run('tasklist', ['/fo', 'csv', '/nh']));
  return (await run('ps', ['-axo', 'comm='])).split('\n').filter((line) => line !== '');
}
