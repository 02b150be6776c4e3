import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Conversation } from '../../protocol/conversation/conversation';
import type { Attachment } from '../../protocol/documents/attachment';
import type { Project } from '../../protocol/project/project';
import type { GroupSession } from '../../protocol/session/session';
import type { Result } from '../../protocol/result';
import { exportDocument } from '../export/export-conversations';
import { zipBytes } from '../import/testdata/zip-bytes';
import { openLibrary, type Library, type StoredImport } from './open-library';

const FIRST = '2026-01-01T00:00:00Z';
const SECOND = '2026-01-02T00:00:00Z';
const THIRD = '2026-01-03T00:00:00Z';

let folder = '';
let library: Library;

function value<Value>(result: Result<Value>): Value {
  if (!result.ok) throw new Error(`${result.error.code}: ${result.error.message}`);
  return result.value;
}

function conversation(id: string, attachmentId?: string): Conversation {
  return {
    tore_spec: 'tore-0005',
    id,
    title: id,
    created_at: FIRST,
    updated_at: FIRST,
    source: { platform: 'tore-desktop' },
    participants: [{ id: 'p', role: 'human' }],
    messages: [
      {
        id: `${id}-1`,
        participant_id: 'p',
        content: [
          attachmentId === undefined ? { type: 'text', text: id } : { type: 'file', attachment_id: attachmentId },
        ],
        metadata: {},
      },
    ],
    metadata: {},
  };
}

function attachment(id: string, content: string): Attachment {
  return {
    id,
    name: `${id}.txt`,
    media_type: 'text/plain',
    size_bytes: content.length,
    checksum: { algorithm: 'sha-256', value: createHash('sha256').update(content).digest('hex') },
    storage: 'inline',
    data: Buffer.from(content).toString('base64'),
  };
}

function project(more: Partial<Project> = {}): Project {
  return {
    tore_spec: 'tore-0004',
    id: 'project',
    name: 'Bridge',
    instructions: [{ id: 'b1', content: 'Be brief.', order: 1 }],
    conversations: [conversation('one'), { ref: 'two.tore5.json', checksum: attachment('x', 'two').checksum }],
    attachments: [attachment('f', 'plan')],
    metadata: {},
    created_at: FIRST,
    updated_at: SECOND,
    ...more,
  };
}

let count = 0;

async function take(document: unknown): Promise<StoredImport> {
  const path = join(folder, `${(count += 1)}.json`);
  await writeFile(path, JSON.stringify(document));
  return value(await library.importFile(path));
}

async function kept(): Promise<Project> {
  const found = value(await library.documents.get('project', 'project'));
  if (found.kind !== 'project') throw new Error('no project');
  return found.document;
}

/** What a project holds, in short. */
function held({ conversations, attachments, instructions, name }: Project): unknown {
  return {
    name,
    conversations: conversations.map((entry) => ('id' in entry ? entry.id : entry.ref)),
    attachments: attachments.map(({ id }) => id),
    instructions: Array.isArray(instructions) ? instructions.map(({ content }) => content) : instructions,
  };
}

/** The project as the person changed it here, after the file was written. */
async function changeHere(updatedAt: string): Promise<void> {
  const before = await kept();
  value(await library.conversations.save(conversation('mine')));
  const added = value(
    await library.addFile(
      (async function* () {
        yield Buffer.from('sketch');
      })(),
    ),
  );
  expect(added.sizeBytes).toBe(6);
  value(
    await library.documents.save({
      kind: 'project',
      document: {
        ...before,
        name: 'Bridge, changed here',
        instructions: [
          { id: 'b1', content: 'Be thorough.', order: 1 },
          { id: 'b2', content: 'Draw.', order: 2 },
        ],
        conversations: [...before.conversations, conversation('mine')],
        attachments: [...before.attachments, { ...attachment('g', 'sketch'), storage: 'inline', data: '' }],
        updated_at: updatedAt,
      },
    }),
  );
}

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tore-documents-'));
  library = value(await openLibrary(join(folder, 'library'), { now: () => new Date(THIRD) }));
});
afterEach(async () => {
  await library.close();
  await rm(folder, { recursive: true, force: true });
});

describe('importing a project that is here', () => {
  const changed = {
    name: 'Bridge, changed here',
    conversations: ['one', 'two.tore5.json', 'mine'],
    attachments: ['f', 'g'],
    instructions: ['Be thorough.', 'Draw.'],
  };

  it('leaves it alone when the file is older', async () => {
    await take(project());
    // Later as an instant, though not as a text.
    await changeHere('2026-01-01T23:00:00-05:00');
    expect(await take(project())).toMatchObject({ alreadyThere: 1, updated: 0, imported: 0 });
    expect(held(await kept())).toEqual(changed);
  });

  it('takes a newer file and keeps what only the library has', async () => {
    await take(project());
    await changeHere(SECOND);
    const newer = project({
      name: 'Bridge II',
      instructions: [
        { id: 'b1', content: 'Be kind.', order: 1 },
        { id: 'b3', content: 'Count.', order: 3 },
      ],
      conversations: [conversation('one'), conversation('three')],
      attachments: [attachment('f', 'plan'), attachment('h', 'photo')],
      updated_at: THIRD,
    });
    expect(await take(newer)).toMatchObject({ updated: 1 });
    expect(held(await kept())).toEqual({
      name: 'Bridge II',
      conversations: ['one', 'three', 'two.tore5.json', 'mine'],
      attachments: ['f', 'g', 'h'],
      instructions: ['Be kind.', 'Count.', 'Draw.'],
    });
    expect(value(await library.storage()).fileCount).toBe(3);
    expect(await take(newer)).toMatchObject({ alreadyThere: 1 });
    expect(await take(project())).toMatchObject({ alreadyThere: 1 });
  });

  it('brings back its conversations that were deleted, also when nothing else is new', async () => {
    await take(project());
    value(await library.conversations.delete(['one']));
    expect(await take(project())).toMatchObject({ updated: 1 });
    expect(value(await library.conversations.list({ limit: 5 })).conversations.map(({ id }) => id)).toEqual(['one']);
    value(await library.conversations.delete(['one']));
    value(await library.emptyBin(new Date('2027-01-01T00:00:00Z')));
    await take(project());
    expect(held(await kept())).toMatchObject({ conversations: ['one', 'two.tore5.json'] });
  });

  it('takes it back from the bin, as it was changed here', async () => {
    await take(project());
    await changeHere(THIRD);
    value(await library.documents.setDeleted('project', 'project', THIRD));
    expect(await take(project())).toMatchObject({ imported: 1 });
    expect(held(await kept())).toEqual(changed);
  });

  it('keeps two files of one id apart, and what points to them', async () => {
    await take(project());
    await take(
      project({
        conversations: [conversation('three', 'f')],
        attachments: [attachment('f', 'another plan')],
        updated_at: THIRD,
      }),
    );
    const { attachments, conversations } = await kept();
    expect(attachments.map(({ size_bytes: sizeBytes }) => sizeBytes)).toEqual(['plan'.length, 'another plan'.length]);
    const [part] = (conversations[0] as Conversation).messages[0]?.content ?? [];
    expect(part).toMatchObject({ attachment_id: attachments[1]?.id });
  });

  it('keeps what is saved while the import runs', async () => {
    await take(project());
    const newer = project({ name: 'Bridge II', updated_at: THIRD });
    const path = join(folder, 'newer.json');
    await writeFile(path, JSON.stringify(newer));
    let changing: Promise<void> | null = null;
    const records = Array.from({ length: 300 }, (_, index) => conversation(`c${index}`));
    const archive = zipBytes([
      { name: 'a.tore4.json', content: JSON.stringify(newer) },
      { name: 'b.json', content: JSON.stringify(records) },
    ]);
    await writeFile(path, archive);
    value(
      await library.importFile(path, {
        onProgress: ({ documents }) => {
          if (documents > 1) changing ??= changeHere(SECOND);
        },
      }),
    );
    await changing;
    expect(held(await kept())).toMatchObject({ attachments: ['f', 'g'] });
  });

  it('takes the newest of several in one archive', async () => {
    await take(project());
    const archive = zipBytes([
      { name: 'a.tore4.json', content: JSON.stringify(project({ name: 'III', updated_at: THIRD })) },
      { name: 'b.tore4.json', content: JSON.stringify(project({ name: 'II', description: 'x' })) },
    ]);
    await writeFile(join(folder, 'many.zip'), archive);
    value(await library.importFile(join(folder, 'many.zip')));
    expect(held(await kept())).toMatchObject({ name: 'III' });
  });

  it('keeps the bytes of a file that its own export left out', async () => {
    await take(project());
    const path = join(folder, 'out.json');
    value(await exportDocument(await kept(), library.files, path));
    const written = JSON.parse(await readFile(path, 'utf8')) as Project;
    const [file] = written.attachments;
    if (file?.storage !== 'inline') throw new Error('no file');
    const { data: _data, ...described } = file;
    const uri = `urn:sha-256:${file.checksum.value}`;
    await take({ ...written, attachments: [{ ...described, storage: 'reference', uri }], updated_at: THIRD });
    expect((await kept()).attachments).toMatchObject([{ storage: 'inline' }]);
    expect(value(await library.storage()).fileCount).toBe(1);
  });
});

describe('importing a session that is here', () => {
  const session = (title: string, updatedAt: string): GroupSession => ({
    tore_spec: 'tore-0003',
    id: 'session',
    title,
    mode: 'async',
    status: 'open',
    host: { coordinator_id: 'coordinator', url: 'https://coordinator.example' },
    participants: [],
    turns: [],
    metadata: {},
    created_at: FIRST,
    updated_at: updatedAt,
  });

  it('never replaces a newer one by an older', async () => {
    const title = async (): Promise<unknown> => value(await library.documents.get('session', 'session')).document;
    await take(session('second', '2026-01-02T00:00:00+01:00'));
    expect(await take(session('first', FIRST))).toMatchObject({ alreadyThere: 1 });
    expect(await title()).toMatchObject({ title: 'second' });
    expect(await take(session('third', '2026-01-01T23:30:00Z'))).toMatchObject({ updated: 1 });
    expect(await title()).toMatchObject({ title: 'third' });
    value(await library.documents.setDeleted('session', 'session', THIRD));
    expect(await take(session('first', FIRST))).toMatchObject({ imported: 1 });
    expect(await title()).toMatchObject({ title: 'third' });
  });
});
