import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect, it } from 'vitest';
import { dataFolders } from '../folders';
import { removeAllData } from './remove-data';

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
