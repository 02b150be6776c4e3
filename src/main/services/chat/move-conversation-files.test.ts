import { mkdir, mkdtemp, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { openLibrary, type Library } from '../../../library';
import type { LibraryAccess } from '../../../library/service/library-access';
import { localLibrary } from '../../../library/service/local-library';
import { moveConversationFiles } from './move-conversation-files';

let folder: string;
let files: string;
let library: Library;
let access: LibraryAccess;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tore-move-'));
  files = join(folder, 'conversations');
  await mkdir(join(files, 'deleted'), { recursive: true });
  const opened = await openLibrary(join(folder, 'library'));
  if (!opened.ok) throw new Error(opened.error.message);
  library = opened.value;
  access = localLibrary(library);
});
afterEach(async () => {
  await library.close();
  await rm(folder, { recursive: true, force: true });
});

const NOW = Date.parse('2026-03-01T00:00:00Z');

function conversation(id: string, text = 'Hello'): string {
  return JSON.stringify({
    tore_spec: 'tore-0005',
    id,
    title: `Title of ${id}`,
    created_at: '2026-01-01T00:00:00Z',
    updated_at: '2026-01-02T00:00:00Z',
    source: { platform: 'tore-desktop' },
    participants: [{ id: 'h', role: 'human', favourite: 'tea' }],
    messages: [{ id: 'm', participant_id: 'h', content: [{ type: 'text', text }, { type: 'hologram' }] }],
    head: 'm',
  });
}

async function listed(): Promise<readonly string[]> {
  const page = await access.call('list', { inChat: true, limit: 10 });
  if (!page.ok) throw new Error(page.error.message);
  return page.value.conversations.map(({ id }) => id).toSorted();
}

it('takes every conversation once, whole, and keeps the files aside', async () => {
  await writeFile(join(files, 'a.tore5.json'), conversation('a'));
  await writeFile(join(files, 'b.tore5.json'), conversation('b'));
  expect(await moveConversationFiles(files, access, NOW)).toEqual({ moved: 2, left: [] });
  expect(await listed()).toEqual(['a', 'b']);
  const found = await access.call('get', { id: 'a' });
  expect(found).toMatchObject({ ok: true, value: { conversation: JSON.parse(conversation('a')) as object } });
  expect(await readdir(join(files, 'moved-to-library'))).toEqual(['a.tore5.json', 'b.tore5.json']);
  expect(await moveConversationFiles(files, access, NOW)).toEqual({ moved: 0, left: [] });
});

it('goes on where a crash ended it, without a copy', async () => {
  await writeFile(join(files, 'a.tore5.json'), conversation('a'));
  await access.call('import', { path: join(files, 'a.tore5.json') });
  expect(await listed()).toEqual([]);
  expect(await moveConversationFiles(files, access, NOW)).toMatchObject({ moved: 1 });
  expect(await listed()).toEqual(['a']);
});

it.each([
  ['that ends in the middle', '{"tore_spec": "tore-0005", "id": "bro'],
  ['that breaks the rules', conversation('x').replace('"head":"m"', '"head":"nobody"')],
  ['that is empty', ''],
])('leaves a file %s where it is and says why', async (_what, text) => {
  const path = join(files, 'x.tore5.json');
  await writeFile(path, text);
  const { moved, left } = await moveConversationFiles(files, access, NOW);
  expect(moved).toBe(0);
  expect(left).toEqual([{ path, reason: expect.stringMatching(/\w/) }]);
  expect(await readFile(path, 'utf8')).toBe(text);
  expect(await listed()).toEqual([]);
});

it('removes what a crash left half-written and what was deleted a month ago', async () => {
  await writeFile(join(files, 'x.tore5.json.abc.tmp'), 'half');
  await writeFile(join(files, 'deleted', 'old.tore5.json'), 'old');
  await utimes(join(files, 'deleted', 'old.tore5.json'), 0, 0);
  await moveConversationFiles(files, access, Date.now() + 29 * 86_400_000);
  expect(await readdir(files)).toEqual(['deleted']);
  expect(await readdir(join(files, 'deleted'))).toHaveLength(1);
  await moveConversationFiles(files, access, Date.now() + 31 * 86_400_000);
  expect(await readdir(join(files, 'deleted'))).toEqual([]);
});

it('does nothing where there never was such a folder', async () => {
  expect(await moveConversationFiles(join(folder, 'nowhere'), access, NOW)).toEqual({ moved: 0, left: [] });
});
