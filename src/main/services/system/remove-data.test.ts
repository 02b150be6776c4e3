import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect, it } from 'vitest';
import { RecordingLog } from '../../test-doubles/recording-log';
import { keepBrokenFile } from '../../storage/json-document';
import { dataFolders } from '../folders';
import { removeAllData, removeAndTell } from './remove-data';

it('removes all the app keeps, and leaves what is not its own', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'tore-remove-'));
  try {
    for (const path of Object.values(dataFolders(folder))) {
      await mkdir(dirname(path), { recursive: true });
      if (/\.\w+$/.test(path)) await writeFile(path, 'x');
      else {
        await mkdir(path, { recursive: true });
        await writeFile(join(path, 'file'), 'x');
      }
    }
    await mkdir(join(folder, 'GPUCache'));
    await writeFile(join(folder, 'somebody-else.txt'), 'x');
    expect(removeAllData(folder)).toEqual([]);
    expect(await readdir(folder)).toEqual(['somebody-else.txt']);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

it('removes copies of its files that were damaged or half-written, and no others', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'tore-remove-'));
  try {
    for (const name of ['secrets.json', 'own-models.json']) {
      await writeFile(join(folder, name), 'x');
      await keepBrokenFile(join(folder, name), Date.parse('2026-01-01T00:00:00Z'));
    }
    await writeFile(join(folder, 'secrets.json.0123456789ab.tmp'), 'x');
    await writeFile(join(folder, 'settings.json.tmp-1767225600abc123'), 'x');
    const others = ['diary.broken-2026-01-01T00-00-00-000Z.json', 'diary.json.0123456789ab.tmp', 'secrets.json.old'];
    for (const name of others) await writeFile(join(folder, name), 'x');
    expect(removeAllData(folder)).toEqual([]);
    expect((await readdir(folder)).toSorted()).toEqual(others);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

it('logs and tells what could not be removed, and nothing when all is gone', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'tore-remove-'));
  try {
    const log = new RecordingLog();
    const told: string[] = [];
    removeAndTell(folder, log, (left) => told.push(...left));
    expect([log.lines, told]).toEqual([[], []]);
    // Nothing below a file can be looked at, let alone removed.
    await writeFile(join(folder, 'file'), 'x');
    removeAndTell(join(folder, 'file'), log, (left) => told.push(...left));
    expect(told).toContainEqual(expect.stringMatching(/^secrets\.json: .*ENOTDIR/));
    expect(log.lines).toEqual([expect.objectContaining({ level: 'error', fields: { left: told } })]);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
