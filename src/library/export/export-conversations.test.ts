import { link, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { readDocument, validateDocument } from '../../protocol/documents/read-document';
import { comparableJson } from '../../protocol/signing/canonical-json';
import { signedDocument, unsignedDocument } from '../documents/testdata/arbitrary-documents';
import { importFile } from '../import/import-file';
import { fullChatGpt, fullClaude } from '../import/testdata/exports';
import { MemorySink } from '../import/testdata/reading';
import { zipBytes } from '../import/testdata/zip-bytes';
import type { Result } from '../../protocol/result';
import { openLibrary, type Library } from '../store/open-library';
import { exportConversations, exportDocument, type ExportFormat } from './export-conversations';
import { FileNames } from './file-names';
import type { ExportTarget } from './writers';

vi.mock(import('node:fs/promises'), async (original) => {
  const actual = await original();
  return { ...actual, link: vi.fn<typeof link>(actual.link) };
});

const IMAGE = Buffer.alloc(100_001, 7);

let folder = '';
let library: Library;

function value<Value>(result: Result<Value>): Value {
  if (!result.ok) throw new Error(`${result.error.code}: ${result.error.message}`);
  return result.value;
}

async function ids(): Promise<readonly string[]> {
  const page = value(await library.conversations.list({ limit: 100, order: 'title' }));
  return page.conversations.map(({ id }) => id);
}

async function write(format: ExportFormat, kind: ExportTarget['kind'], name: string): Promise<string> {
  const path = join(folder, name);
  value(await exportConversations(library, await ids(), format, { kind, path }));
  return path;
}

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tore-export-'));
  library = value(await openLibrary(join(folder, 'library')));
});
afterEach(async () => {
  vi.mocked(link).mockReset();
  await library.close();
  await rm(folder, { recursive: true, force: true });
});

describe('documents through the library', () => {
  let count = 0;

  /** Imports a document into a library of its own and exports it again. */
  async function roundTrip(document: unknown): Promise<unknown> {
    count += 1;
    const source = join(folder, `in-${count}.json`);
    const target = join(folder, `out-${count}.json`);
    const fresh = value(await openLibrary(join(folder, `library-${count}`)));
    try {
      await writeFile(source, JSON.stringify(document));
      const report = value(await fresh.importFile(source));
      expect([report.found, report.imported, report.failed]).toEqual([1, 1, []]);
      const checked = value(validateDocument(document));
      const { id } = checked.document;
      if (checked.kind === 'conversation') {
        value(await exportConversations(fresh, [id], 'tore5', { kind: 'file', path: target }));
      } else {
        value(await exportDocument(value(await fresh.documents.get(checked.kind, id)).document, fresh.files, target));
      }
      expect(value(await fresh.importFile(target))).toMatchObject({ found: 1, imported: 0, alreadyThere: 1 });
      return JSON.parse(await readFile(target, 'utf8'));
    } finally {
      await fresh.close();
    }
  }

  it('come back the same, whatever they hold: Export(import(x)) = x', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(
          unsignedDocument,
          signedDocument.map(({ document }) => document),
        ),
        async (document) => {
          expect(comparableJson(await roundTrip(document))).toBe(comparableJson(document));
        },
      ),
      { numRuns: 60 },
    );
  });

  const vectors = fileURLToPath(new URL('../../../schemas/vectors/valid/', import.meta.url));
  it('come back the same for every valid vector', async () => {
    for (const name of await readdir(vectors, { recursive: true })) {
      if (!name.endsWith('.json')) continue;
      const document: unknown = JSON.parse(await readFile(join(vectors, name), 'utf8'));
      expect([name, comparableJson(await roundTrip(document))]).toEqual([name, comparableJson(document)]);
    }
  });
});

describe('exporting', () => {
  beforeEach(async () => {
    const archive = zipBytes([
      {
        name: 'conversations.json',
        content: JSON.stringify([fullChatGpt(), { ...fullChatGpt(), id: 'b', conversation_id: 'b' }]),
      },
      { name: 'file-AbC123xyz-beach.png', content: IMAGE },
    ]);
    await writeFile(join(folder, 'in.zip'), archive);
    value(await library.importFile(join(folder, 'in.zip')));
  });

  it('writes valid documents with the files inside, as an archive that imports again into the same', async () => {
    const path = await write('tore5', 'archive', 'out.zip');
    const sink = new MemorySink();
    expect(value(await importFile(path, sink))).toMatchObject({ formats: ['tore'], imported: 2, failedCount: 0 });
    expect([...sink.files.values()]).toEqual([IMAGE]);
    const original = value(await library.conversations.get((await ids())[0] ?? ''));
    expect(sink.conversations.map(comparableJson)).toContain(comparableJson(original));
    expect(value(await library.importFile(path))).toMatchObject({ alreadyThere: 2 });
  });

  it('writes a document that stands by itself', async () => {
    const path = join(folder, 'one.tore5.json');
    const [id = ''] = await ids();
    value(await exportConversations(library, [id], 'tore5', { kind: 'file', path }));
    expect(readDocument(await readFile(path))).toMatchObject({ ok: true });
    expect((await readdir(folder)).filter((name) => name.includes('partial'))).toEqual([]);
  });

  it('writes a folder of Markdown with the images beside it', async () => {
    const path = await write('markdown', 'folder', 'md');
    const names = (await readdir(path)).sort();
    expect(names).toEqual(['Tides (2).md', 'Tides.md', 'files']);
    const [image = ''] = await readdir(join(path, 'files'));
    const text = await readFile(join(path, 'Tides.md'), 'utf8');
    expect(text).toContain(`files/${image}`);
    expect(await readFile(join(path, 'files', image))).toEqual(IMAGE);
  });

  it.each([
    ['with links', false],
    ['without links', true],
  ])('leaves what lies in the folder, on a file system %s', async (_which, hasNoLinks) => {
    const none = Object.assign(new Error('not supported'), { code: 'EPERM' });
    if (hasNoLinks) vi.mocked(link).mockRejectedValue(none);
    const path = join(folder, 'md');
    await mkdir(path);
    await writeFile(join(path, 'Tides.md'), 'my own notes');
    await writeFile(join(path, 'conversations.jsonl'), 'my own lines');
    await write('markdown', 'folder', 'md');
    const [image = ''] = await readdir(join(path, 'files'));
    await writeFile(join(path, 'files', image), 'my own picture');
    await write('markdown', 'folder', 'md');
    await write('jsonl', 'folder', 'md');
    const numbered = [2, 3, 4, 5].map((copy) => `Tides (${copy}).md`);
    const lines = ['conversations (2).jsonl', 'conversations.jsonl'];
    expect((await readdir(path)).sort()).toEqual([...numbered, 'Tides.md', ...lines, 'files'].sort());
    expect(await readFile(join(path, 'Tides.md'), 'utf8')).toBe('my own notes');
    expect(await readFile(join(path, 'conversations.jsonl'), 'utf8')).toBe('my own lines');
    expect(await readFile(join(path, 'files', image), 'utf8')).toBe('my own picture');
    const text = await readFile(join(path, 'Tides (5).md'), 'utf8');
    const [linked = ''] = text.match(/files\/[^)>\s]+/) ?? [];
    expect(linked).not.toBe(`files/${image}`);
    expect(await readFile(join(path, linked))).toEqual(IMAGE);
  });

  it('replaces the one file whose name was chosen', async () => {
    await writeFile(join(folder, 'train.jsonl'), 'older lines');
    expect(await readFile(await write('jsonl', 'file', 'train.jsonl'), 'utf8')).not.toContain('older');
  });

  it('writes a line of training data for each conversation', async () => {
    const lines = (await readFile(await write('jsonl', 'file', 'train.jsonl'), 'utf8')).trim().split('\n');
    expect(lines).toHaveLength(2);
    const [first = ''] = lines;
    const { messages } = JSON.parse(first) as { messages: { role: string; content: string }[] };
    expect(messages.map(({ role }) => role)).toEqual(['user', 'assistant', 'tool', 'assistant']);
    expect(messages.at(-1)?.content).toContain('Tides come twice a day');
  });

  it('leaves nothing when it cannot finish', async () => {
    const controller = new AbortController();
    controller.abort();
    const path = join(folder, 'cancelled.zip');
    const cancelled = await exportConversations(
      library,
      await ids(),
      'tore5',
      { kind: 'archive', path },
      { signal: controller.signal },
    );
    expect(cancelled).toMatchObject({ ok: false, error: { code: 'cancelled' } });
    const nowhere = { kind: 'file', path: join(folder, 'no', 'such', 'folder.jsonl') } as const;
    expect(await exportConversations(library, await ids(), 'jsonl', nowhere)).toMatchObject({
      ok: false,
      error: { code: 'write-failed' },
    });
    const two = { kind: 'file', path: join(folder, 'two.tore5.json') } as const;
    expect(await exportConversations(library, await ids(), 'tore5', two)).toMatchObject({
      ok: false,
      error: { code: 'write-failed' },
    });
    expect((await readdir(folder)).sort()).toEqual(['in.zip', 'library']);
  });

  it('says when a file of the library was changed or is gone', async () => {
    const [id = ''] = await ids();
    const attachment = value(await library.conversations.get(id)).attachments?.[0];
    const target = { kind: 'file', path: join(folder, 'x.tore5.json') } as const;
    await writeFile(library.files.pathOf(attachment?.checksum.value ?? ''), 'changed');
    expect(await exportConversations(library, [id], 'tore5', target)).toMatchObject({
      ok: false,
      error: { code: 'checksum-mismatch' },
    });
    await rm(library.files.pathOf(attachment?.checksum.value ?? ''));
    expect(await exportConversations(library, [id], 'tore5', target)).toMatchObject({
      ok: false,
      error: { code: 'not-found' },
    });
  });

  it('exports a conversation of Claude as Markdown', async () => {
    await writeFile(join(folder, 'claude.json'), JSON.stringify([fullClaude()]));
    value(await library.importFile(join(folder, 'claude.json')));
    const path = await write('markdown', 'archive', 'all.zip');
    const sink = new MemorySink();
    expect(value(await importFile(path, sink))).toMatchObject({ formats: ['markdown'], imported: 3 });
  });
});

describe('names of files', () => {
  it('are safe, short and each used once', () => {
    const names = new FileNames();
    const given = ['a/b', '../../etc', 'A?B', 'con', '', '...', 'x'.repeat(500), '🌊'.repeat(200), 'a b', 'A B'];
    const made = given.map((title) => names.unique(title, '.md'));
    expect(new Set(made.map((name) => name.toLowerCase())).size).toBe(given.length);
    for (const name of made) {
      expect(name).not.toMatch(/[/\\?*:"<>|]|^\.|^con\.md$/);
      expect(Buffer.byteLength(name)).toBeLessThanOrEqual(140);
    }
  });

  it('are none that Windows keeps for devices or leaves the end out of', () => {
    const titles = ['con.notes', 'NUL .txt', 'com¹', 'CONOUT$', `${'x'.repeat(119)}.txt`];
    expect(titles.map((title) => new FileNames().unique(title, ''))).toEqual([
      '_con.notes',
      '_NUL .txt',
      '_com¹',
      '_CONOUT$',
      'x'.repeat(119),
    ]);
  });

  it('are found at once however many titles are the same', () => {
    const names = new FileNames();
    let last = '';
    for (let count = 0; count < 200_000; count += 1) last = names.unique('New chat', '.md');
    expect(last).toBe('New chat (200000).md');
  });

  it('are each used once where file systems take them for the same', () => {
    const names = new FileNames();
    const made = ['\ud800', '\ud801', 'e\u0301', '\u00e9'].map((title) => names.unique(title, '.md'));
    expect(made).toEqual(['\ufffd.md', '\ufffd (2).md', '\u00e9.md', '\u00e9 (2).md']);
  });
});
