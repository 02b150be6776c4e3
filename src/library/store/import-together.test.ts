import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from '@photostructure/sqlite';
import { Kysely } from 'kysely';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Conversation } from '../../protocol/conversation/conversation';
import type { Attachment } from '../../protocol/documents/attachment';
import { readDocument } from '../../protocol/documents/read-document';
import type { Project } from '../../protocol/project/project';
import type { Result } from '../../protocol/result';
import { createSqliteDialect } from '../../storage/sqlite-dialect';
import { exportConversations, exportDocument } from '../export/export-conversations';
import { ConversationShelf } from './conversation-shelf';
import type { Database, LibraryTables } from './database-schema';
import { DocumentShelf } from './document-shelf';
import { FileStore } from './file-store';
import { ImportSession } from './import-session';
import { migrateLibrary } from './migrations';
import { openLibrary } from './open-library';
import { storageErrorOf } from './storage-error';

const EARLIER = '2026-01-01T00:00:00Z';
const LATER = '2026-01-02T00:00:00Z';

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tore-together-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

function value<Value>(result: Result<Value>): Value {
  if (!result.ok) throw new Error(`${result.error.code}: ${result.error.message}`);
  return result.value;
}

function conversation(id: string, ...texts: readonly string[]): Conversation {
  return {
    tore_spec: 'tore-0005',
    id,
    title: id,
    created_at: EARLIER,
    updated_at: EARLIER,
    source: { platform: 'tore-desktop' },
    participants: [{ id: 'p', role: 'human' }],
    messages: texts.map((text) => ({
      id: text,
      participant_id: 'p',
      content: [{ type: 'text', text }],
      metadata: {},
    })),
    metadata: {},
  };
}

function project(more: Partial<Project> = {}): Project {
  return {
    tore_spec: 'tore-0004',
    id: 'project',
    name: 'Bridge',
    instructions: [],
    conversations: [],
    attachments: [],
    metadata: {},
    created_at: EARLIER,
    updated_at: EARLIER,
    ...more,
  };
}

function attachment(id: string, content: string): Attachment {
  return {
    id,
    name: 'file.txt',
    media_type: 'text/plain',
    size_bytes: content.length,
    checksum: { algorithm: 'sha-256', value: createHash('sha256').update(content).digest('hex') },
    storage: 'inline',
    data: Buffer.from(content).toString('base64'),
  };
}

describe('what is saved here between the last look of an import and its end', () => {
  let database: Database;
  let conversations: ConversationShelf;
  let documents: DocumentShelf;
  let session: ImportSession;
  /** Done right before the next transaction of the import. */
  let meanwhile: (() => Promise<void>) | null;

  /** The database as the import sees it. */
  function interrupted(): Database {
    return new Proxy(database, {
      get(target, name) {
        const member: unknown = Reflect.get(target, name, target);
        if (name !== 'transaction') return typeof member === 'function' ? (member.bind(target) as unknown) : member;
        return () => ({
          execute: async (work: Parameters<ReturnType<Database['transaction']>['execute']>[0]) => {
            const first = meanwhile;
            meanwhile = null;
            await first?.();
            return target.transaction().execute(work);
          },
        });
      },
    });
  }

  beforeEach(async () => {
    const connection = new DatabaseSync(join(folder, 'library.db'));
    migrateLibrary(connection);
    database = new Kysely<LibraryTables>({ dialect: createSqliteDialect(connection, storageErrorOf) });
    conversations = new ConversationShelf(
      database,
      () => new Date(LATER),
      () => Promise.resolve(),
    );
    documents = new DocumentShelf(database, () => Promise.resolve());
    meanwhile = null;
    await mkdir(join(folder, 'files'));
    session = await ImportSession.begin(interrupted(), new FileStore(join(folder, 'files')), 'export', LATER);
  });
  afterEach(() => database.destroy());

  async function messagesOf(id: string): Promise<readonly string[]> {
    return value(await conversations.get(id)).messages.map((message) => message.id);
  }

  it('stays in a conversation that the import goes on with', async () => {
    value(await conversations.save(conversation('c', 'old')));
    await session.addConversation({ ...conversation('c', 'old', 'imported'), updated_at: LATER });
    await session.flush();
    meanwhile = async () => void value(await conversations.save(conversation('c', 'old', 'said here')));
    await session.commit(LATER);
    expect(await messagesOf('c')).toEqual(['old', 'imported', 'said here']);
  });

  it('stays in a conversation that was not here when the import read it', async () => {
    await session.addConversation(conversation('c', 'imported'));
    await session.flush();
    meanwhile = async () => void value(await conversations.save(conversation('c', 'said here')));
    await session.commit(LATER);
    expect([...(await messagesOf('c'))].sort()).toEqual(['imported', 'said here']);
  });

  it('stays in a project that the import goes on with', async () => {
    const block = (id: string) => ({ id, content: id, order: 1 });
    value(await documents.save({ kind: 'project', document: project() }));
    await session.addDocument({
      kind: 'project',
      document: project({ instructions: [block('imported')], updated_at: LATER }),
    });
    meanwhile = async () =>
      void value(
        await documents.save({ kind: 'project', document: project({ instructions: [block('written here')] }) }),
      );
    await session.commit(LATER);
    const kept = value(await documents.get('project', 'project')).document as Project;
    expect(kept.instructions).toEqual([block('imported'), block('written here')]);
  });

  it('stays in a project that was saved while its conversations were read', async () => {
    const block = (id: string) => ({ id, content: id, order: 1 });
    value(await documents.save({ kind: 'project', document: project() }));
    meanwhile = async () =>
      void value(
        await documents.save({ kind: 'project', document: project({ instructions: [block('written here')] }) }),
      );
    await session.addDocument({
      kind: 'project',
      document: project({
        conversations: [conversation('c')],
        instructions: [block('imported')],
        updated_at: LATER,
      }),
    });
    await session.commit(LATER);
    const kept = value(await documents.get('project', 'project')).document as Project;
    expect(kept.instructions).toEqual([block('imported'), block('written here')]);
  });
});

describe('a document that is taken into the library', () => {
  it('can be written again where ids of its files differ in halves of characters alone', async () => {
    const library = value(await openLibrary(join(folder, 'library')));
    try {
      const source = join(folder, 'c.tore5.json');
      const files = [attachment('\ud800', 'first'), attachment('\ud801', 'second')];
      await writeFile(source, JSON.stringify({ ...conversation('c', 'files'), attachments: files }));
      expect(value(await library.importFile(source))).toMatchObject({ imported: 1 });
      const path = join(folder, 'out.tore5.json');
      value(await exportConversations(library, ['c'], 'tore5', { kind: 'file', path }));
      expect(readDocument(await readFile(path))).toMatchObject({
        ok: true,
        value: { document: { attachments: files } },
      });
    } finally {
      await library.close();
    }
  });

  it('can be written again where two conversations of a project are one by where they come from', async () => {
    const library = value(await openLibrary(join(folder, 'library')));
    try {
      const source = { platform: 'elsewhere', original_id: 'same' };
      const entries = ['a', 'b'].map((id) => ({ ...conversation(id, id), source }));
      await writeFile(join(folder, 'p.tore4.json'), JSON.stringify(project({ conversations: entries })));
      expect(value(await library.importFile(join(folder, 'p.tore4.json')))).toMatchObject({ imported: 1 });
      const kept = value(await library.documents.get('project', 'project')).document;
      const path = join(folder, 'out.tore4.json');
      value(await exportDocument(kept, library.files, path));
      const read = readDocument(await readFile(path));
      expect(read.ok ? read.value.document : read.error.message).toMatchObject({
        conversations: [{ id: 'a', messages: [{ id: 'b' }, { id: 'a' }] }],
      });
    } finally {
      await library.close();
    }
  });

  it('stays as it was where joined with another it could not be read again', async () => {
    const library = value(await openLibrary(join(folder, 'library')));
    try {
      const take = async (document: Conversation | Project) => {
        const path = join(folder, 'document.json');
        await writeFile(path, JSON.stringify(document));
        return value(await library.importFile(path));
      };
      const crowd = (prefix: string): Conversation => {
        const participants = Array.from({ length: 6_000 }, (_, index) => ({
          id: `${prefix}${index}`,
          role: 'human' as const,
        }));
        return { ...conversation('c'), participants };
      };
      const rules = (prefix: string): Project => {
        const block = (_: unknown, index: number) => ({ id: `${prefix}${index}`, content: '', order: index });
        return project({ instructions: Array.from({ length: 6_000 }, block) });
      };
      await take(crowd('a'));
      await take(rules('a'));
      expect(await take(crowd('b'))).toMatchObject({ found: 1, updated: 0, failed: [{ what: 'c' }] });
      expect(await take(rules('b'))).toMatchObject({ found: 1, updated: 0, failedCount: 1 });
      expect(value(await library.conversations.get('c')).participants).toHaveLength(6_000);
      expect(value(await library.documents.get('project', 'project')).document).toMatchObject(rules('a'));
    } finally {
      await library.close();
    }
  });

  it('may have as many messages as documents may', async () => {
    const library = value(await openLibrary(join(folder, 'library')));
    try {
      const path = join(folder, 'long.tore5.json');
      const many = Array.from({ length: 200_000 }, (_, index) => ({
        id: `${index}`,
        participant_id: 'p',
        content: [],
      }));
      await writeFile(path, JSON.stringify({ ...conversation('long'), messages: many }));
      expect(value(await library.importFile(path))).toMatchObject({ imported: 1 });
      value(await library.conversations.save(conversation('long', 'only')));
      expect(value(await library.conversations.get('long')).messages).toHaveLength(1);
    } finally {
      await library.close();
    }
  }, 60_000);
});
