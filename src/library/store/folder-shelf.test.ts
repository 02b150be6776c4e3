import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { LibraryResult } from './errors';
import { openLibrary, type Library } from './open-library';

let folder = '';
let library: Library;

function value<Value>(result: LibraryResult<Value>): Value {
  if (!result.ok) throw new Error(`${result.error.code}: ${result.error.message}`);
  return result.value;
}

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tore-folders-'));
  library = value(await openLibrary(join(folder, 'library')));
});
afterEach(async () => {
  await library.close();
  await rm(folder, { recursive: true, force: true });
});

it('removes a folder around one of the same name', async () => {
  const outer = value(await library.folders.create('Notes'));
  const inner = value(await library.folders.create('Notes', outer));
  value(await library.folders.delete(outer));
  expect(value(await library.folders.list())).toMatchObject([{ id: inner, name: 'Notes', parentId: null }]);
});

it('renames a folder however deep it lies', async () => {
  let id: number | null = null;
  for (let depth = 0; depth < 60; depth += 1) id = value(await library.folders.create(`Level ${depth}`, id));
  value(await library.folders.change(id ?? 0, { name: 'Deep' }));
  expect(value(await library.folders.list())[0]).toMatchObject({ id, name: 'Deep' });
});
