import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Conversation } from '../../protocol/conversation/conversation';
import { readDocument } from '../../protocol/documents/read-document';
import type { Result } from '../../protocol/result';
import { chatGpt, fullChatGpt, node } from '../import/testdata/exports';
import { LibraryClient } from './library-client';
import type { LibraryProgress } from './library-access';
import type { LibraryCommand, LibraryReply } from './messages';
import { serveLibrary } from './serve-library';

let folder = '';
let client: LibraryClient;
let toServer: (message: unknown) => void;
let stopped: Promise<void>;
let replies: LibraryReply[];

function value<Value>(result: Result<Value>): Value {
  if (!result.ok) throw new Error(`${result.error.code}: ${result.error.message}`);
  return result.value;
}

/** Both ends in this process, with everything cloned as between two. */
async function open(): Promise<void> {
  let toClient: (message: unknown) => void = () => undefined;
  const listeners: ((message: unknown) => void)[] = [];
  toServer = (message) => listeners.forEach((listener) => listener(structuredClone(message)));
  replies = [];
  let onStopped = (): void => undefined;
  stopped = new Promise((resolve) => (onStopped = resolve));
  serveLibrary(
    {
      post: (message: LibraryCommand | LibraryReply) => {
        replies.push(message as LibraryReply);
        toClient(structuredClone(message));
      },
      onMessage: (listener) => void listeners.push(listener),
    },
    { onStopped },
  );
  client = new LibraryClient({
    post: (message) => toServer(message),
    onMessage: (listener) => (toClient = listener),
  });
  toServer({ type: 'open', folder: join(folder, 'library') });
  await expect.poll(() => replies[0]).toEqual({ type: 'opened' });
}

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tore-service-'));
  await open();
});
afterEach(async () => {
  toServer({ type: 'stop' });
  await stopped;
  await rm(folder, { recursive: true, force: true });
});

async function importText(name: string, text: string) {
  const path = join(folder, name);
  await writeFile(path, text);
  return client.call('import', { path });
}

async function ids(): Promise<readonly string[]> {
  return value(await client.call('list', { limit: 50, order: 'title' })).conversations.map(({ id }) => id);
}

const conversation = (id: string, ...texts: readonly string[]): Conversation => ({
  tore_spec: 'tore-0005',
  id,
  title: id,
  created_at: '2026-01-01T00:00:00Z',
  updated_at: '2026-01-01T00:00:00Z',
  source: { platform: 'x' },
  participants: [{ id: 'p', role: 'human' }],
  messages: texts.map((text, index) => ({
    id: `m${index}`,
    parent_id: index === 0 ? null : `m${index - 1}`,
    participant_id: 'p',
    content: [{ type: 'text', text }],
  })),
});

describe('a library in another process', () => {
  it('imports with progress, lists, finds, reads a branch, and says what one import brought', async () => {
    const path = join(folder, 'export.json');
    await writeFile(path, JSON.stringify([fullChatGpt()]));
    const told: LibraryProgress[] = [];
    const report = value(await client.call('import', { path }, { onProgress: (progress) => told.push(progress) }));
    expect(report).toMatchObject({ imported: 1, failedCount: 0 });
    expect(told.at(-1)).toMatchObject({ documents: 1 });
    const page = value(await client.call('list', { limit: 10, importId: report.importId }));
    expect(page.total).toBe(1);
    const [id = ''] = page.conversations.map((entry) => entry.id);
    const reading = value(await client.call('read', { id, through: null }));
    expect(reading.messages.some(({ branch }) => branch.count > 1)).toBe(true);
    expect(value(await client.call('overview', null))).toMatchObject({
      platforms: [{ platform: 'chatgpt', conversationCount: 1 }],
      storage: { conversationCount: 1 },
    });
  });

  it('cancels an import and leaves the library as it was', async () => {
    const path = join(folder, 'many.json');
    const many = Array.from({ length: 2_000 }, (_, index) =>
      chatGpt([node('a', null, [], {})], { conversation_id: `c${index}`, id: `c${index}` }),
    );
    await writeFile(path, JSON.stringify(many));
    const controller = new AbortController();
    const result = await client.call(
      'import',
      { path },
      { signal: controller.signal, onProgress: () => controller.abort() },
    );
    expect(result).toMatchObject({ ok: false, error: { code: 'cancelled' } });
    expect(value(await client.call('overview', null)).storage).toMatchObject({ conversationCount: 0, fileCount: 0 });
  });

  it('fails calls that nobody answers any more', async () => {
    const pending = client.call('overview', null);
    client.lost();
    expect(await pending).toMatchObject({ ok: false, error: { code: 'storage-failed', retryable: true } });
    expect(await client.call('overview', null)).toMatchObject({ ok: false });
  });

  it('joins a conversation that changed while it was edited', async () => {
    value(await client.call('save', { conversation: conversation('c', 'first') }));
    const { revision } = value(await client.call('get', { id: 'c' }));
    value(await client.call('rename', { id: 'c', title: 'A better title' }));
    const edited = { ...conversation('c', 'first', 'second'), head: 'm1' };
    const saved = value(await client.call('save', { conversation: edited, baseRevision: revision, isInChat: true }));
    expect(saved.joined).toMatchObject({ title: 'A better title', head: 'm1' });
    const { conversation: kept } = value(await client.call('get', { id: 'c' }));
    expect(kept.title).toBe('A better title');
    expect(kept.messages).toHaveLength(2);
    expect(value(await client.call('list', { limit: 10, inChat: true })).total).toBe(1);
  });

  it('finds what a saved change added and no longer what it removed', async () => {
    value(await client.call('save', { conversation: conversation('c', 'alpha', 'beta') }));
    value(await client.call('save', { conversation: conversation('c', 'alpha', 'gamma', 'delta') }));
    const found = async (query: string) => value(await client.call('search', { query, limit: 10 })).hits.length;
    expect([await found('alpha'), await found('beta'), await found('gamma'), await found('delta')]).toEqual([
      1, 0, 1, 1,
    ]);
  });

  it('keeps what is in the bin until it is emptied', async () => {
    value(await importText('a.md', '# A\n\n## User\n\nhello'));
    value(await client.call('delete', { ids: await ids() }));
    expect(await ids()).toEqual([]);
    const [binned] = value(await client.call('list', { limit: 5, deleted: true })).conversations;
    value(await client.call('restore', { ids: [binned?.id ?? ''] }));
    expect(await ids()).toHaveLength(1);
    value(await client.call('delete', { ids: await ids() }));
    expect(value(await client.call('purge', { before: '2000-01-01T00:00:00.000Z' }))).toBe(0);
    expect(value(await client.call('purge', { ids: [binned?.id ?? ''] }))).toBe(1);
    expect(value(await client.call('list', { limit: 5, deleted: true })).total).toBe(0);
  });
});

describe('projects', () => {
  it('are made, changed, given files, exported and opened again the same', async () => {
    value(await client.call('save', { conversation: conversation('a', 'one') }));
    value(await client.call('save', { conversation: conversation('b', 'two') }));
    const id = value(await client.call('createProject', { name: 'P', ids: ['a', 'b'] }));
    await writeFile(join(folder, 'notes.txt'), 'notes');
    value(await client.call('addProjectFile', { id, path: join(folder, 'notes.txt') }));
    value(
      await client.call('changeProject', {
        id,
        name: 'Project',
        description: 'about',
        instructions: [{ id: 'i', title: 'Tone', content: 'Be kind', order: 1 }],
        conversationIds: ['b', 'a'],
        agreementRef: 'agreement-1',
      }),
    );
    const path = join(folder, 'out.tore4.json');
    value(await client.call('exportProject', { id, path }));
    const read = readDocument(await readFile(path));
    if (!read.ok || read.value.kind !== 'project') throw new Error('no project was written');
    expect(read.value.document).toMatchObject({
      name: 'Project',
      description: 'about',
      conversations: [{ id: 'b' }, { id: 'a' }],
      attachments: [{ name: 'notes.txt', data: Buffer.from('notes').toString('base64') }],
      metadata: { agreement_ref: 'agreement-1' },
    });
    expect(value(await client.call('import', { path }))).toMatchObject({ imported: 0, alreadyThere: 1 });
  });

  it('show and export each conversation with the files of the project that it points to', async () => {
    value(await client.call('save', { conversation: conversation('a', 'one') }));
    const id = value(await client.call('createProject', { name: 'P', ids: ['a'] }));
    for (const name of ['plan.txt', 'other.txt']) {
      await writeFile(join(folder, name), name);
      value(await client.call('addProjectFile', { id, path: join(folder, name) }));
    }
    const [plan] = value(await client.call('project', { id })).attachments;
    if (plan === undefined) throw new Error('no file');
    const [message] = conversation('a', 'one').messages;
    if (message === undefined) throw new Error('no message');
    const part = { type: 'file', attachment_id: plan.id } as const;
    const pointing = { ...conversation('a'), messages: [{ ...message, content: [part] }] };
    value(await client.call('save', { conversation: pointing }));
    const { messages } = value(await client.call('read', { id: 'a', through: null }));
    expect(messages[0]?.parts).toMatchObject([{ place: { kind: 'stored', sha256: plan.checksum.value } }]);
    const path = join(folder, 'a.tore5.json');
    value(await client.call('export', { ids: ['a'], format: 'tore5', target: { kind: 'file', path } }));
    const { attachments } = JSON.parse(await readFile(path, 'utf8')) as Conversation;
    expect(attachments).toMatchObject([{ name: 'plan.txt', data: Buffer.from('plan.txt').toString('base64') }]);
  });

  it('keep every change of several made at once', async () => {
    const id = value(await client.call('createProject', { name: 'P', ids: [] }));
    const names = ['a.txt', 'b.txt', 'c.txt'];
    const add = async (name: string) => {
      await writeFile(join(folder, name), name);
      return client.call('addProjectFile', { id, path: join(folder, name) });
    };
    value(await add('old.txt'));
    const [old] = value(await client.call('project', { id })).attachments;
    const done = await Promise.all([
      ...names.map(add),
      client.call('removeProjectFile', { id, attachmentId: old?.id ?? '' }),
      client.call('changeProject', {
        id,
        name: 'Project',
        description: '',
        instructions: 'Be kind',
        conversationIds: [],
        agreementRef: null,
      }),
    ]);
    done.forEach((result) => value(result));
    const project = value(await client.call('project', { id }));
    expect(project).toMatchObject({ name: 'Project', instructions: 'Be kind' });
    expect(project.attachments.map(({ name }) => name).toSorted()).toEqual(names);
  });

  it('are merged, and a conversation is split into one', async () => {
    value(await client.call('save', { conversation: conversation('a', 'one', 'two', 'three') }));
    value(await client.call('save', { conversation: conversation('b', 'two') }));
    const first = value(await client.call('createProject', { name: '1', ids: ['a'] }));
    const second = value(await client.call('createProject', { name: '2', ids: ['a', 'b'] }));
    const merged = value(await client.call('mergeProjects', { name: 'Both', ids: [first, second] }));
    expect(value(await client.call('project', { id: merged })).conversations).toHaveLength(2);
    expect(value(await client.call('overview', null)).projects).toHaveLength(3);
    const split = value(await client.call('split', { id: 'a', messageId: 'm1' }));
    expect(split.conversationIds).toHaveLength(2);
    const project = value(await client.call('project', { id: split.projectId }));
    expect(project.conversations.map((entry) => ('messages' in entry ? entry.messages.length : 0))).toEqual([1, 2]);
    expect(await client.call('split', { id: 'a', messageId: 'm0' })).toMatchObject({ ok: false });
  });
});

describe('attachments kept elsewhere', () => {
  it('are kept here once their bytes are what the document says, and not before', async () => {
    const content = Buffer.from('the file');
    const value256 = createHash('sha256').update(content).digest('hex');
    const document: Conversation = {
      ...conversation('c', 'see'),
      attachments: [
        {
          id: 'x',
          name: 'x.txt',
          media_type: 'text/plain',
          size_bytes: content.length,
          checksum: { algorithm: 'sha-256', value: value256 },
          storage: 'reference',
          uri: 'https://files.example/x.txt',
        },
      ],
    };
    value(await client.call('save', { conversation: document }));
    const store = (bytes: Buffer) => client.call('storeAttachment', { id: 'c', attachmentId: 'x', content: bytes });
    expect(await store(Buffer.from('another!'))).toMatchObject({ ok: false, error: { code: 'checksum-mismatch' } });
    value(await store(content));
    const path = join(folder, 'c.tore5.json');
    value(await client.call('export', { ids: ['c'], format: 'tore5', target: { kind: 'file', path } }));
    expect(JSON.parse(await readFile(path, 'utf8'))).toMatchObject({
      attachments: [{ storage: 'inline', data: content.toString('base64'), uri: 'https://files.example/x.txt' }],
    });
  });

  it('keeps the fetched bytes of a project’s file, and no others', async () => {
    const content = Buffer.from('the file');
    const file = {
      id: 'x',
      name: 'x.txt',
      media_type: 'text/plain',
      size_bytes: content.length,
      checksum: { algorithm: 'sha-256', value: createHash('sha256').update(content).digest('hex') },
      storage: 'reference',
      uri: 'https://files.example/x.txt',
    };
    const path = join(folder, 'p.tore4.json');
    const times = { created_at: '2026-01-01T00:00:00Z', updated_at: '2026-01-01T00:00:00Z' };
    const project = { tore_spec: 'tore-0004', id: 'p', name: 'P', instructions: '', conversations: [] };
    await writeFile(path, JSON.stringify({ ...project, attachments: [file], ...times }));
    value(await client.call('import', { path }));
    const store = (bytes: Buffer) => client.call('storeProjectFile', { id: 'p', attachmentId: 'x', content: bytes });
    expect(await store(Buffer.from('another!'))).toMatchObject({ ok: false, error: { code: 'checksum-mismatch' } });
    expect(value(await client.call('project', { id: 'p' })).attachments).toMatchObject([{ storage: 'reference' }]);
    value(await store(content));
    expect(value(await client.call('project', { id: 'p' })).attachments).toMatchObject([{ storage: 'inline' }]);
  });
});
