import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from '@photostructure/sqlite';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { fullClaude } from '../import/testdata/exports';
import { holdImports } from './import-hold';
import type { LibraryResult } from './errors';
import { openLibrary, type Library } from './open-library';

let folder = '';

function value<Value>(result: LibraryResult<Value>): Value {
  if (!result.ok) throw new Error(`${result.error.code}: ${result.error.message}`);
  return result.value;
}

async function withLibrary(work: (library: Library) => Promise<void>): Promise<void> {
  const library = value(await openLibrary(join(folder, 'library')));
  try {
    await work(library);
  } finally {
    await library.close();
  }
}

function runningImports(): number {
  const database = new DatabaseSync(join(folder, 'library', 'library.db'));
  const { count } = database.prepare("select count(*) as count from imports where state = 'running'").get() as {
    count: number;
  };
  database.close();
  return count;
}

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tore-hold-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

it('leaves an import alone that another process is at, and begins none beside it', async () => {
  await withLibrary(() => Promise.resolve());
  const database = new DatabaseSync(join(folder, 'library', 'library.db'));
  database.exec("insert into imports (name, state, started_at) values ('x', 'running', '')");
  database.close();
  const incoming = join(folder, 'library', 'files', 'incoming', 'half-written');
  await writeFile(incoming, 'x');
  const path = join(folder, 'c.json');
  await writeFile(path, JSON.stringify([fullClaude()]));
  const letGo = holdImports(join(folder, 'library'));
  await withLibrary(async (library) => {
    expect(runningImports()).toBe(1);
    expect(await library.importFile(path)).toMatchObject({ ok: false, error: { code: 'import-running' } });
    expect(value(await library.cleanUp())).toBe(0);
    await writeFile(incoming, 'x', { flag: 'r+' });
    letGo?.();
    expect(value(await library.importFile(path))).toMatchObject({ imported: 1 });
  });
  await withLibrary(() => Promise.resolve());
  expect(runningImports()).toBe(0);
});
