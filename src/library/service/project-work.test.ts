import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { Project } from '../../protocol/project/project';
import type { Result } from '../../protocol/result';
import { openLibrary, type Library } from '../store/open-library';
import { localLibrary } from './local-library';
import type { LibraryAccess } from './library-access';

const NOW = '2026-01-01T00:00:00Z';

let folder = '';
let library: Library;
let access: LibraryAccess;

function value<Value>(result: Result<Value>): Value {
  if (!result.ok) throw new Error(`${result.error.code}: ${result.error.message}`);
  return result.value;
}

const project: Project = {
  tore_spec: 'tore-0004',
  id: 'project',
  name: 'Bridge',
  instructions: '',
  conversations: [
    {
      tore_spec: 'tore-0005',
      id: 'c',
      title: 'C',
      created_at: NOW,
      updated_at: NOW,
      source: { platform: 'tore-desktop' },
      participants: [],
      messages: [],
      metadata: {},
    },
  ],
  attachments: [],
  metadata: {},
  created_at: NOW,
  updated_at: NOW,
};

const change = {
  id: 'project',
  name: 'Named here',
  description: '',
  instructions: '',
  conversationIds: ['c'],
  agreementRef: null,
};

async function take(document: Project): Promise<void> {
  const path = join(folder, 'project.tore4.json');
  await writeFile(path, JSON.stringify(document));
  value(await library.importFile(path));
}

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tore-projects-'));
  library = value(await openLibrary(join(folder, 'library')));
  access = localLibrary(library);
  await take(project);
});
afterEach(async () => {
  vi.restoreAllMocks();
  await library.close();
  await rm(folder, { recursive: true, force: true });
});

it('changes a project without losing what an import joined with it meanwhile', async () => {
  const checksum = { algorithm: 'sha-256', value: '0'.repeat(64) } as const;
  const described = { id: 'f', name: 'f', media_type: 'text/plain', size_bytes: 1, checksum };
  const get = library.conversations.get.bind(library.conversations);
  vi.spyOn(library.conversations, 'get').mockImplementationOnce(async (id) => {
    await take({ ...project, attachments: [{ ...described, storage: 'reference', uri: 'https://example.org/f' }] });
    return get(id);
  });
  value(await access.call('changeProject', change));
  expect(value(await access.call('project', { id: 'project' }))).toMatchObject({
    name: 'Named here',
    attachments: [{ id: 'f' }],
  });
});

it('leaves a project in the bin that was deleted while it was changed', async () => {
  const get = library.conversations.get.bind(library.conversations);
  vi.spyOn(library.conversations, 'get').mockImplementationOnce(async (id) => {
    value(await access.call('deleteProject', { id: 'project', deleted: true }));
    return get(id);
  });
  expect(await access.call('changeProject', change)).toMatchObject({ ok: false, error: { code: 'not-found' } });
  expect(value(await access.call('overview', null)).projects).toEqual([]);
});

it('takes no instructions that its file could not be read with', async () => {
  const blocks = ['one', 'two'].map((content, order) => ({ id: 'same', content, order }));
  expect(await access.call('changeProject', { ...change, instructions: blocks })).toMatchObject({
    ok: false,
    error: { code: 'content-invalid' },
  });
});
