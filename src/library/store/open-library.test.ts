import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { DatabaseSync } from '@photostructure/sqlite';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Conversation } from '../../protocol/conversation/conversation';
import { chatGpt, claudeProject, fullChatGpt, fullClaude, node, text } from '../import/testdata/exports';
import { zipBytes } from '../import/testdata/zip-bytes';
import { openLibrary, type Library } from './open-library';
import type { LibraryResult } from './errors';

let folder = '';
let library: Library;

async function open(): Promise<Library> {
  return value(await openLibrary(join(folder, 'library'), { now: () => new Date('2026-05-01T00:00:00Z') }));
}

function value<Value>(result: LibraryResult<Value>): Value {
  if (!result.ok) throw new Error(`${result.error.code}: ${result.error.message}`);
  return result.value;
}

async function file(name: string, content: unknown): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, content instanceof Buffer ? content : JSON.stringify(content));
  return path;
}

/** All rows of all tables, and the names of all files: what "as it was" means. */
async function everything(): Promise<unknown> {
  await library.close();
  const database = new DatabaseSync(join(folder, 'library', 'library.db'));
  const tables = database
    .prepare(
      "select name from sqlite_schema where type = 'table' and name not like '%_fts%' and name not like 'sqlite%' order by name",
    )
    .all() as { name: string }[];
  const rows = tables.map(({ name }) => [name, database.prepare(`select * from ${name}`).all()]);
  const words = ['hello', 'tides', 'bread'].map((word) =>
    database.prepare('select rowid from messages_fts where messages_fts match ?').all(word),
  );
  database.close();
  library = await open();
  const names = await readdir(join(folder, 'library', 'files'), { recursive: true });
  return { rows, words, files: names.filter((name) => name.length > 'incoming'.length) };
}

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tore-library-'));
  library = await open();
});
afterEach(async () => {
  await library.close();
  await rm(folder, { recursive: true, force: true });
});

function small(
  id: string,
  title: string,
  words: readonly string[],
  more: Record<string, unknown> = {},
): Record<string, unknown> {
  const nodes = words.map((word, index) =>
    node(`${id}-${index}`, index === 0 ? null : `${id}-${index - 1}`, [], {
      role: index % 2 === 0 ? 'user' : 'assistant',
      content: text(word),
    }),
  );
  return chatGpt(nodes, { id, conversation_id: id, title, current_node: `${id}-${words.length - 1}`, ...more });
}

describe('importing into a library', () => {
  it('keeps documents whole, with their files', async () => {
    const archive = zipBytes([
      { name: 'conversations.json', content: JSON.stringify([fullChatGpt()]) },
      { name: 'file-AbC123xyz-beach.png', content: 'png!' },
    ]);
    const report = value(await library.importFile(await file('export.zip', archive)));
    expect(report).toMatchObject({ imported: 1, storedFiles: 1, missingFiles: 2 });
    const { conversations, total } = value(await library.conversations.list({ limit: 10 }));
    expect([total, conversations[0]?.title, conversations[0]?.messageCount]).toEqual([1, 'Tides', 7]);
    const conversation = value(await library.conversations.get(conversations[0]?.id ?? ''));
    expect(conversation.messages).toHaveLength(7);
    const [attachment] = conversation.attachments ?? [];
    const chunks: Buffer[] = [];
    for await (const chunk of library.files.read(attachment?.checksum.value ?? '')) chunks.push(chunk);
    expect(Buffer.concat(chunks).toString()).toBe('png!');
    expect(value(await library.storage())).toMatchObject({
      conversationCount: 1,
      messageCount: 7,
      fileCount: 1,
      filesBytes: 4,
    });
  });

  it('makes no duplicates of what it has, twice in one file or in two imports', async () => {
    const path = await file('c.json', [fullChatGpt(), fullClaude(), fullChatGpt()]);
    expect(value(await library.importFile(path))).toMatchObject({ found: 3, imported: 2, alreadyThere: 1 });
    const before = await everything();
    expect(value(await library.importFile(path))).toMatchObject({ found: 3, imported: 0, alreadyThere: 3 });
    const after = (await everything()) as { rows: [string, unknown[]][] };
    const withoutImports = (state: unknown): unknown =>
      (state as { rows: [string, unknown[]][] }).rows.filter(([name]) => name !== 'imports');
    expect(withoutImports(after)).toEqual(withoutImports(before));
  });

  it('takes what is new from a newer export and keeps what only the library has', async () => {
    const path = await file('c.json', [small('c1', 'First', ['one', 'two'])]);
    value(await library.importFile(path));
    const { id } = value(await library.conversations.list({ limit: 1 })).conversations[0] ?? { id: '' };
    const folderId = value(await library.folders.create('Mine'));
    value(await library.conversations.move([id], folderId));
    value(await library.folders.setTags(id, ['sea']));
    const mine = value(await library.conversations.get(id));
    const [participant] = mine.participants;
    const continued: Conversation = {
      ...mine,
      messages: [
        ...mine.messages,
        {
          id: 'own',
          parent_id: 'c1-1',
          participant_id: participant?.id ?? '',
          content: [{ type: 'text', text: 'written here' }],
          metadata: {},
        },
      ],
      head: 'own',
    };
    value(await library.conversations.save(continued));
    value(await library.conversations.rename(id, 'My title'));
    const newer = await file('d.json', [
      small('c1', 'Second', ['one', 'two', 'three'], { update_time: 1_800_000_000 }),
    ]);
    expect(value(await library.importFile(newer))).toMatchObject({ imported: 0, updated: 1 });
    const merged = value(await library.conversations.get(id));
    expect(merged.messages.map((message) => message.id)).toEqual(['c1-0', 'c1-1', 'c1-2', 'own']);
    expect([merged.title, merged.head]).toEqual(['My title', 'own']);
    const { conversations } = value(await library.conversations.list({ limit: 5 }));
    expect(conversations).toMatchObject([{ id, folderId, tags: ['sea'], title: 'My title' }]);
    expect(value(await library.importFile(path))).toMatchObject({ alreadyThere: 1, updated: 0 });
    expect(value(await library.search('three ', { limit: 5 })).hits).toHaveLength(1);
  });

  it('brings back what was deleted when it is imported again', async () => {
    const path = await file('c.json', [fullClaude()]);
    value(await library.importFile(path));
    const { id } = value(await library.conversations.list({ limit: 1 })).conversations[0] ?? { id: '' };
    value(await library.conversations.delete([id]));
    expect(value(await library.importFile(path))).toMatchObject({ imported: 1 });
    expect(value(await library.conversations.list({ limit: 1 })).total).toBe(1);
  });

  it('leaves the library as it was when cancelled', async () => {
    value(await library.importFile(await file('c.json', [fullClaude()])));
    const before = await everything();
    const controller = new AbortController();
    const records = Array.from({ length: 700 }, (_, index) => small(`c${index}`, `hello ${index}`, ['hello', 'tides']));
    const archive = zipBytes([
      {
        name: 'conversations.json',
        content: JSON.stringify([
          fullChatGpt(),
          { ...fullClaude(), name: 'changed', updated_at: '2026-01-01T00:00:00Z' },
          ...records,
        ]),
      },
      { name: 'file-AbC123xyz-beach.png', content: 'png!' },
    ]);
    const cancelled = await library.importFile(await file('d.zip', archive), {
      signal: controller.signal,
      onProgress: ({ documents }) => {
        if (documents > 500) controller.abort();
      },
    });
    expect(cancelled).toMatchObject({ ok: false, error: { code: 'cancelled' } });
    expect(await everything()).toEqual(before);
  });

  it('undoes an import that a crash interrupted, at the next start', async () => {
    value(await library.importFile(await file('c.json', [fullClaude()])));
    const before = await everything();
    const records = Array.from({ length: 400 }, (_, index) => small(`c${index}`, `hello ${index}`, ['hello']));
    const reading = library.importFile(await file('d.json', [...records, ...records]), {
      onProgress: ({ documents }) => {
        // What a crash leaves: rows are staged, nobody comes back to them. A copy of the state stands for it.
        if (documents > 300) throw new Error('crash');
      },
    });
    await expect(reading).rejects.toThrow('crash');
    await library.close();
    const database = new DatabaseSync(join(folder, 'library', 'library.db'));
    database.exec("insert into imports (name, state, started_at) values ('x', 'running', '')");
    const importId = (database.prepare("select id from imports where state = 'running'").get() as { id: number }).id;
    database.exec(
      `insert into conversations (key, id, platform, title, created_at, updated_at, message_count, json_bytes, content_hash, revision, state, import_id) values (900, 'half', 'x', 'half', '', '', 1, 2, 'h', 1, 'staged', ${importId})`,
    );
    database.exec(
      "insert into messages (key, conversation_key, position, message_id, role, text) values (9000, 900, 0, 'm', 'human', 'hello half')",
    );
    database.exec("insert into messages_fts (rowid, text) values (9000, 'hello half')");
    database.close();
    const stray = 'ab'.repeat(32);
    await writeFile(join(folder, 'library', 'files', 'incoming', 'half-written'), 'x');
    await rm(join(folder, 'library', 'files', 'ab'), { recursive: true, force: true });
    library = await open();
    const after = await everything();
    expect(after).toEqual(before);
    expect(JSON.stringify(after)).not.toContain(stray);
  });

  it('shows nothing of an import that has not ended', async () => {
    const records = Array.from({ length: 1_500 }, (_, index) => small(`c${index}`, `hello ${index}`, ['hello']));
    const seen: number[] = [];
    let asked: Promise<void> | null = null;
    value(
      await library.importFile(await file('c.json', records), {
        onProgress: ({ documents }) => {
          if (documents < 300 || documents === 1_500 || asked !== null) return;
          asked = (async () => {
            seen.push(value(await library.conversations.list({ limit: 1 })).total);
            seen.push(value(await library.search('hello', { limit: 5 })).hits.length);
          })();
        },
      }),
    );
    await asked;
    expect(value(await library.conversations.list({ limit: 1 })).total).toBe(1_500);
    expect(seen).toEqual([0, 0]);
  });

  it('takes one import at a time', async () => {
    const path = await file('c.json', [fullClaude()]);
    const [first, second] = await Promise.all([library.importFile(path), library.importFile(path)]);
    expect([first.ok, second.ok ? null : second.error.code]).toEqual([true, 'import-running']);
  });

  it('takes projects, and updates them', async () => {
    value(await library.importFile(await file('projects.json', [claudeProject()])));
    expect(value(await library.importFile(await file('projects.json', [claudeProject()])))).toMatchObject({
      alreadyThere: 1,
    });
    expect(value(await library.importFile(await file('p.json', [{ ...claudeProject(), name: 'Oven' }])))).toMatchObject(
      { updated: 1 },
    );
    const projects = value(await library.documents.list('project'));
    expect(projects.map(({ title }) => title)).toEqual(['Oven']);
    const project = value(await library.documents.get('project', projects[0]?.id ?? ''));
    expect(project).toMatchObject({
      kind: 'project',
      document: { instructions: 'Answer in grams.', attachments: [{ data: '' }] },
    });
  });
});

describe('keeping conversations', () => {
  beforeEach(async () => {
    value(
      await library.importFile(
        await file('c.json', [
          small('c1', 'Alpha', ['one']),
          small('c2', 'beta', ['two']),
          small('c3', 'Gamma', ['three']),
        ]),
      ),
    );
  });

  async function ids(): Promise<readonly string[]> {
    return value(await library.conversations.list({ limit: 10, order: 'title' })).conversations.map(({ id }) => id);
  }

  it('lists in order, by pages', async () => {
    const titles = async (offset: number): Promise<readonly string[]> =>
      value(await library.conversations.list({ limit: 2, offset, order: 'title' })).conversations.map(
        ({ title }) => title,
      );
    expect([await titles(0), await titles(2)]).toEqual([['Alpha', 'beta'], ['Gamma']]);
  });

  it('lists by instants, however times are written, also what an earlier version stored', async () => {
    const times = ['2026-03-01T12:30:00+02:00', '2026-03-01t10:45:00z', '2026-03-01T11:00:00.25Z'];
    const [model = ''] = await ids();
    const conversation = value(await library.conversations.get(model));
    const wanted: string[] = [];
    for (const [index, time] of times.entries()) {
      const id = `timed-${index}`;
      wanted.unshift(id);
      value(await library.conversations.save({ ...conversation, id, created_at: time, updated_at: time }));
    }
    await library.close();
    const database = new DatabaseSync(join(folder, 'library', 'library.db'));
    database.exec(`drop index conversations_by_time; drop index conversations_in_chat;
      create index conversations_by_time on conversations (updated_at, key);
      create index conversations_in_chat on conversations (updated_at, key) where in_chat = 1;
      pragma user_version = 2`);
    database.close();
    library = await open();
    for (const order of ['updated', 'created'] as const) {
      const { conversations } = value(await library.conversations.list({ limit: 10, order }));
      expect(conversations.map(({ id }) => id).filter((id) => id.startsWith('timed'))).toEqual(wanted);
    }
  });

  it('deletes with undo, and for good later', async () => {
    const [first = '', second = ''] = await ids();
    expect(value(await library.conversations.delete([first, second, 'unknown']))).toBe(2);
    expect(value(await library.conversations.list({ limit: 5 })).total).toBe(1);
    expect(value(await library.conversations.list({ limit: 5, deleted: true })).total).toBe(2);
    expect(value(await library.search('one', { limit: 5 })).hits).toHaveLength(0);
    expect(value(await library.conversations.restore([first]))).toBe(1);
    expect(value(await library.search('one', { limit: 5 })).hits).toHaveLength(1);
    expect(value(await library.conversations.purge(new Date('2026-05-02T00:00:00Z')))).toBe(1);
    expect(await library.conversations.get(second)).toMatchObject({ ok: false, error: { code: 'not-found' } });
    expect(value(await library.storage())).toMatchObject({ conversationCount: 2, deletedCount: 0 });
    value(await library.cleanUp());
    expect(value(await library.search('one', { limit: 5 })).hits).toHaveLength(1);
    expect(value(await library.search('two', { limit: 5 })).hits).toHaveLength(0);
  });

  it('keeps files for conversations that are saved, and forgets the others', async () => {
    const [id = ''] = await ids();
    async function* bytes(content: string): AsyncGenerator<Uint8Array> {
      yield Buffer.from(content);
    }
    const kept = value(await library.addFile(bytes('kept')));
    value(await library.addFile(bytes('forgotten')));
    const conversation = value(await library.conversations.get(id));
    const attachment = {
      id: 'f',
      name: 'kept.txt',
      media_type: 'text/plain',
      size_bytes: kept.sizeBytes,
      checksum: { algorithm: 'sha-256', value: kept.sha256 },
      storage: 'inline',
      data: '',
    } as const;
    // Tidying between adding a file and saving what needs it takes neither.
    expect(value(await library.cleanUp())).toBe(0);
    value(await library.conversations.save({ ...conversation, attachments: [attachment] }));
    expect(value(await library.cleanUp())).toBe(0);
    await library.close();
    library = await open();
    expect(value(await library.cleanUp())).toBe('forgotten'.length);
    expect(value(await library.storage())).toMatchObject({ fileCount: 1, filesBytes: 4 });
  });

  it('removes a file that was added by hand with the conversation that needed it', async () => {
    const [id = ''] = await ids();
    async function* bytes(): AsyncGenerator<Uint8Array> {
      yield Buffer.from('kept');
    }
    const { sha256, sizeBytes } = value(await library.addFile(bytes()));
    const conversation = value(await library.conversations.get(id));
    const attachment = {
      id: 'f',
      name: 'kept.txt',
      media_type: 'text/plain',
      size_bytes: sizeBytes,
      checksum: { algorithm: 'sha-256', value: sha256 },
      storage: 'inline',
      data: '',
    } as const;
    value(await library.conversations.save({ ...conversation, attachments: [attachment] }));
    value(await library.conversations.delete([id]));
    value(await library.emptyBin(new Date('2026-06-01T00:00:00Z')));
    expect(value(await library.storage())).toMatchObject({ fileCount: 0, filesBytes: 0 });
  });

  it('keeps the files of an import that begins while the bin is emptied', async () => {
    const archive = zipBytes([
      { name: 'conversations.json', content: JSON.stringify([fullChatGpt()]) },
      { name: 'file-AbC123xyz-beach.png', content: 'png!' },
    ]);
    const path = await file('export.zip', archive);
    value(await library.importFile(path));
    value(await library.conversations.delete(await ids()));
    const remove = library.files.remove.bind(library.files);
    let importing: Promise<unknown> | null = null;
    vi.spyOn(library.files, 'remove').mockImplementation(async (sha256) => {
      importing ??= library.importFile(path).then(value);
      // Time for the import to write the file that is about to be removed, if it is let.
      await Promise.race([importing, delay(300)]);
      await remove(sha256);
    });
    value(await library.emptyBin(new Date('2026-06-01T00:00:00Z')));
    await importing;
    const [id = ''] = await ids();
    const sha256 = value(await library.conversations.get(id)).attachments?.[0]?.checksum.value ?? '';
    const chunks: Buffer[] = [];
    for await (const chunk of library.files.read(sha256)) chunks.push(chunk);
    expect(Buffer.concat(chunks).toString()).toBe('png!');
    expect(value(await library.storage()).fileCount).toBe(1);
  });

  it('keeps an answer that is saved while the title changes, and the title', async () => {
    const [id = ''] = await ids();
    const { conversation, revision } = value(await library.conversations.getForEditing(id));
    const [message] = conversation.messages;
    if (message === undefined) throw new Error('no message');
    // Packing this for the new title takes much longer than saving the answer does.
    const long = { ...message, id: 'long', parent_id: message.id, metadata: { source: 'word '.repeat(2_000_000) } };
    value(await library.conversations.save({ ...conversation, messages: [message, long] }));
    const answered = { ...conversation, messages: [message, { ...message, id: 'answer', parent_id: message.id }] };
    const renaming = library.conversations.rename(id, 'My title');
    const saving = library.conversations.save(answered, { baseRevision: revision + 1 });
    value(await saving);
    value(await renaming);
    const after = value(await library.conversations.get(id));
    expect(after.messages.map((each) => each.id)).toContain('answer');
    expect(after.title).toBe('My title');
  });

  it('sorts into folders and by tags', async () => {
    const [first = '', second = ''] = await ids();
    const outer = value(await library.folders.create('Outer'));
    const inner = value(await library.folders.create('Inner', outer));
    expect(await library.folders.create('Outer')).toMatchObject({ ok: false, error: { code: 'name-taken' } });
    expect(await library.folders.change(outer, { parentId: inner })).toMatchObject({
      ok: false,
      error: { code: 'folder-loop' },
    });
    expect(await library.conversations.move([first], 99)).toMatchObject({ ok: false, error: { code: 'not-found' } });
    value(await library.conversations.move([first], inner));
    value(await library.folders.setTags(first, ['Sea', 'sea', ' salt ']));
    value(await library.folders.setTags(second, ['salt']));
    expect(value(await library.folders.listTags())).toEqual([
      { name: 'salt', conversationCount: 2 },
      { name: 'Sea', conversationCount: 1 },
    ]);
    expect(value(await library.conversations.list({ limit: 5, tag: 'SALT' })).total).toBe(2);
    expect(value(await library.conversations.list({ limit: 5, folderId: inner })).total).toBe(1);
    value(await library.folders.delete(inner));
    expect(value(await library.folders.list())).toEqual([
      { id: outer, name: 'Outer', parentId: null, conversationCount: 1 },
    ]);
    value(await library.folders.setTags(first, []));
    expect(value(await library.folders.listTags())).toEqual([{ name: 'salt', conversationCount: 1 }]);
  });
});

describe('opening', () => {
  it('finds words with a dotless i in a library whose index an older version made', async () => {
    value(await library.importFile(await file('c.json', [small('c1', 'Işık', ['ışık hızı', 'tides'])])));
    await library.close();
    const database = new DatabaseSync(join(folder, 'library', 'library.db'));
    database.exec(`
      delete from messages_fts; delete from titles_fts;
      insert into messages_fts (rowid, text) values (1, 'ısık hızı'), (2, 'tides');
      insert into titles_fts (rowid, title) values (1, 'isık');
      pragma user_version = 2;
    `);
    database.close();
    library = await open();
    const found = async (query: string): Promise<readonly (string | null)[]> =>
      value(await library.search(query, { limit: 5 })).hits.map(({ messageId }) => messageId);
    expect(await found('IŞIK ')).toEqual([null, 'c1-0']);
    expect(await found('HIZI ')).toEqual(['c1-0']);
    expect(await found('tides ')).toEqual(['c1-1']);
  });

  it('refuses what is no library, and what a newer version wrote, and changes neither', async () => {
    const path = join(folder, 'library', 'library.db');
    await library.close();
    const database = new DatabaseSync(path);
    database.exec('pragma user_version = 99');
    database.close();
    expect(await openLibrary(join(folder, 'library'))).toMatchObject({ ok: false, error: { code: 'library-newer' } });
    const damaged = await mkdtemp(join(folder, 'damaged-'));
    await writeFile(join(damaged, 'library.db'), 'not a database, but long enough to be looked at'.repeat(50));
    expect(await openLibrary(damaged)).toMatchObject({ ok: false, error: { code: 'library-corrupt' } });
    await writeFile(join(folder, 'occupied'), '');
    expect(await openLibrary(join(folder, 'occupied'))).toMatchObject({
      ok: false,
      error: { code: 'library-unwritable' },
    });
    await rm(join(folder, 'library'), { recursive: true });
    library = await open();
  });
});
