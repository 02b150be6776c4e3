import { createHash } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ImportState, LibraryOpened } from '../../../contract/library';
import { openLibrary, type Library } from '../../../library';
import type { LibraryAccess } from '../../../library/service/library-access';
import { localLibrary } from '../../../library/service/local-library';
import type { Conversation } from '../../../protocol/conversation/conversation';
import type { Attachment } from '../../../protocol/documents/attachment';
import { success, type Result } from '../../../protocol/result';
import { ManualTimers } from '../../test-doubles/manual-timers';
import { joinAnswerSources, type AnswerRequest, type AnswerSource } from '../chat/answer-source';
import { fetchAttachment, type FetchAddress } from './fetch-attachment';
import { HandoffDrafts } from './handoff-drafts';
import { ImportQueue } from './import-queue';
import { LibraryExports } from './library-exports';
import { filesOfArguments } from './opened-files';

let folder: string;
let library: Library;
let access: LibraryAccess;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tore-library-'));
  library = valueOf(await openLibrary(join(folder, 'library')));
  access = localLibrary(library);
});
afterEach(async () => {
  await library.close();
  await rm(folder, { recursive: true, force: true });
});

function valueOf<Value>(result: Result<Value>): Value {
  if (!result.ok) throw new Error(result.error.message);
  return result.value;
}

function conversation(id: string, ...texts: readonly string[]): Conversation {
  return {
    tore_spec: 'tore-0005',
    id,
    title: `Title of ${id}`,
    created_at: '2026-01-01T00:00:00Z',
    updated_at: '2026-01-01T00:00:00Z',
    source: { platform: 'elsewhere', model: 'old' },
    participants: [
      { id: 'h', role: 'human' },
      { id: 'm', role: 'model' },
    ],
    messages: texts.map((text, index) => ({
      id: `m${index}`,
      parent_id: index === 0 ? null : `m${index - 1}`,
      participant_id: index % 2 === 0 ? 'h' : 'm',
      content: [{ type: 'text', text }],
    })),
  };
}

async function file(name: string, content: string): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, content);
  return path;
}

describe('the queue of imports', () => {
  function createQueue() {
    const states: ImportState[] = [];
    const queue = new ImportQueue({
      library: access,
      onState: (state) => void states.push(state),
      onImported: () => undefined,
    });
    const finished = async (): Promise<Extract<ImportState, { kind: 'finished' }>> => {
      await expect.poll(() => queue.state.kind).toBe('finished');
      return queue.state as Extract<ImportState, { kind: 'finished' }>;
    };
    return { queue, states, finished };
  }

  it('takes files one after the other, reports each, and shows what was opened', async () => {
    const { queue, states, finished } = createQueue();
    const good = await file('good.json', JSON.stringify(conversation('c', 'Hello')));
    const bad = await file('bad.bin', '\u0000\u0001');
    let opened: LibraryOpened | null = null;
    queue.add([good], (what) => (opened = what));
    queue.add([bad]);
    const { outcomes } = await finished();
    expect(outcomes).toMatchObject([
      { name: 'good.json', result: { kind: 'taken', imported: 1, failedCount: 0 } },
      { name: 'bad.bin', result: { kind: 'refused', error: { code: 'format-unknown' } } },
    ]);
    expect(opened).toEqual({ kind: 'conversation', id: 'c' });
    expect(states.filter(({ kind }) => kind === 'running').at(-1)).toMatchObject({ position: 2, count: 2 });
    queue.dismiss();
    expect(queue.state).toEqual({ kind: 'idle' });
  });

  it('ends when it is cancelled, also the files that wait', async () => {
    const { queue, finished } = createQueue();
    const many = JSON.stringify(Array.from({ length: 500 }, (_, index) => conversation(`c${index}`, 'Hello')));
    queue.add([await file('many.json', many), await file('later.json', many)]);
    queue.cancel();
    const { outcomes } = await finished();
    expect(outcomes).toMatchObject([{ name: 'many.json', result: { kind: 'refused', error: { code: 'cancelled' } } }]);
    expect(valueOf(await access.call('list', { limit: 1 })).total).toBe(0);
  });
});

describe('files the app is opened with', () => {
  it('are the files among the arguments, never switches, folders or things that are not there', async () => {
    const path = await file('a.tore5', '{}');
    expect(filesOfArguments(['--flag', path, folder, 'nowhere.tore5', '', '\u0000'], '/')).toEqual([path]);
    expect(filesOfArguments(['a.tore5'], folder)).toEqual([path]);
  });
});

describe('fetching a file kept elsewhere', () => {
  const content = Buffer.from('the file itself');
  const attachment = (uri: string, sizeBytes = content.length): Attachment => ({
    id: 'x',
    name: 'x.txt',
    media_type: 'text/plain',
    size_bytes: sizeBytes,
    checksum: { algorithm: 'sha-256', value: createHash('sha256').update(content).digest('hex') },
    storage: 'reference',
    uri,
  });

  async function* inPieces(bytes: Buffer): AsyncGenerator<Uint8Array> {
    for (let at = 0; at < bytes.length; at += 4) yield bytes.subarray(at, at + 4);
  }

  const serving =
    (bytes: Buffer, status = 200): FetchAddress =>
    (_address, options) => {
      expect(options).toMatchObject({ redirect: 'error', credentials: 'omit' });
      return Promise.resolve({ ok: status === 200, status, body: inPieces(bytes) });
    };

  it('keeps what the document names', async () => {
    const fetched = valueOf(await fetchAttachment(attachment('https://files.example/x'), serving(content)));
    expect(Buffer.from(fetched)).toEqual(content);
  });

  it.each(['file:///etc/passwd', 'ftp://x.example/y', 'https://user:word@x.example/', 'x', 'javascript:1'])(
    'asks nobody for %s',
    async (uri) => {
      const asked: string[] = [];
      const result = await fetchAttachment(attachment(uri), (address) => {
        asked.push(address);
        return Promise.reject(new Error('asked'));
      });
      expect(result).toMatchObject({ ok: false, error: { code: 'address-refused' } });
      expect(asked).toEqual([]);
    },
  );

  it('keeps nothing that is too long, too short, changed or refused', async () => {
    const from = (bytes: Buffer, status = 200) =>
      fetchAttachment(attachment('https://a.example/x'), serving(bytes, status));
    const mismatch = { ok: false, error: { code: 'checksum-mismatch' } };
    expect(await from(Buffer.concat([content, content]))).toMatchObject(mismatch);
    expect(await from(content.subarray(1))).toMatchObject(mismatch);
    expect(await from(Buffer.from('the file itselF'))).toMatchObject(mismatch);
    expect(await from(content, 404)).toMatchObject({ ok: false, error: { code: 'fetch-failed' } });
    const redirected = await fetchAttachment(attachment('https://a.example/x'), () =>
      Promise.reject(new Error('redirect')),
    );
    expect(redirected).toMatchObject({ ok: false, error: { code: 'fetch-failed', retryable: true } });
  });

  it('never begins with a file that is too large to keep', async () => {
    const huge = attachment('https://a.example/x', 1_000_000_000);
    expect(await fetchAttachment(huge, serving(content))).toMatchObject({ ok: false, error: { code: 'fetch-failed' } });
  });
});

describe('drafts of a handoff', () => {
  const DRAFT = {
    reason: 'The person wants a second opinion.',
    needs: ['Check the figures'],
    summary: 'Two questions about a disk.',
    goals: ['Move the archive'],
    decisions: [],
    open_questions: [],
    facts: [],
    constraints: [],
  };

  function createDrafts(contextLength: number | null, answer: string) {
    const requests: AnswerRequest[] = [];
    const source: AnswerSource = {
      has: () => true,
      contextLengthOf: () => contextLength,
      generate: (request, { signal }) => {
        requests.push(request);
        expect(signal.aborted).toBe(false);
        return Promise.resolve(
          success({
            text: answer,
            finishReason: 'stop' as const,
            hops: [],
            inputTokens: 1,
            outputTokens: 1,
            durationMs: 1,
            settledCost: null,
          }),
        );
      },
    };
    const drafts = new HandoffDrafts({ library: access, source, newId: () => 'r', timers: new ManualTimers() });
    return { drafts, requests };
  }
  const request = { id: 'c', through: null, modelId: 'big' };

  beforeEach(async () => {
    const texts = ['I want to move the archive.', 'It is 840 GB.', 'Is that much?'];
    valueOf(await access.call('save', { conversation: conversation('c', ...texts) }));
  });

  it('come from the model when it is able and writes them in the form asked for', async () => {
    const { drafts, requests } = createDrafts(8_192, `Sure:\n${JSON.stringify(DRAFT)}`);
    expect(valueOf(await drafts.byRules(request)).modelHindrance).toBeNull();
    const draft = valueOf(await drafts.byModel(request));
    expect(draft.handoff).toMatchObject({
      from: { platform: 'elsewhere', model: 'old' },
      to: { model: 'big' },
      reason: DRAFT.reason,
      needs: DRAFT.needs,
    });
    expect(draft.snapshot).toMatchObject({ summary: DRAFT.summary, goals: DRAFT.goals, created_by: 'big' });
    expect(draft.snapshot?.through_message_id).toBe('m2');
    expect(requests[0]?.messages.at(-1)?.content).toContain('JSON');
  });

  it('come from rules when the model writes anything else', async () => {
    const { drafts } = createDrafts(8_192, 'I would rather not.');
    expect(await drafts.byModel(request)).toMatchObject({ ok: false, error: { code: 'draft-failed' } });
    expect(valueOf(await drafts.byRules(request)).snapshot).toMatchObject({
      goals: ['I want to move the archive.'],
      created_by: 'extraction rules',
    });
  });

  it('are not asked of a model that cannot read enough', async () => {
    for (const contextLength of [512, null]) {
      const { drafts, requests } = createDrafts(contextLength, JSON.stringify(DRAFT));
      expect(valueOf(await drafts.byRules(request)).modelHindrance).toMatch(/rules/);
      expect(await drafts.byModel(request)).toMatchObject({ ok: false, error: { code: 'draft-failed' } });
      expect(requests).toEqual([]);
    }
  });
});

describe('several sources of answers', () => {
  const source = (name: string, has: (modelId: string) => boolean): AnswerSource => ({
    has,
    contextLengthOf: () => name.length,
    generate: () => Promise.resolve({ ok: false, error: { code: name, message: name, retryable: false } }),
  });
  const listeners = {
    onStarted: () => undefined,
    onText: () => undefined,
    onAnew: () => undefined,
    onQueued: () => undefined,
    onPaused: () => undefined,
    signal: AbortSignal.abort(),
  };

  it('are asked in order for the first that has the model', async () => {
    const joined = joinAnswerSources([
      source('own', (id) => id.startsWith('own:')),
      source('node', (id) => id === 'm'),
    ]);
    const ask = (modelId: string) => joined.generate({ modelId } as AnswerRequest, listeners);
    expect(await ask('own:x')).toMatchObject({ error: { code: 'own' } });
    expect(await ask('m')).toMatchObject({ error: { code: 'node' } });
    expect(await ask('nobody')).toMatchObject({ error: { code: 'model-invalid' } });
    expect([joined.contextLengthOf('m'), joined.contextLengthOf('nobody'), joined.has('nobody')]).toEqual([
      4,
      null,
      false,
    ]);
  });
});

describe('files written for the person', () => {
  it('take the name of the conversation, and nothing is written when the dialog is closed', async () => {
    valueOf(await access.call('save', { conversation: conversation('c', 'Hello') }));
    const suggested: string[] = [];
    let chosen: string | null = null;
    const exports = new LibraryExports({
      library: access,
      dialogs: {
        saveFile: (name) => {
          suggested.push(name);
          return Promise.resolve(chosen);
        },
        chooseFolder: () => Promise.resolve(chosen),
      },
      temporaryFolder: folder,
    });
    expect(await exports.conversations(['c'], 'tore5')).toEqual({ ok: true, value: null });
    chosen = join(folder, 'out.html');
    expect(valueOf(await exports.conversations(['c'], 'html'))).toMatchObject({ written: 1, path: chosen });
    expect(await readFile(chosen, 'utf8')).toContain('Hello');
    expect(suggested).toEqual(['Title of c.tore5.json', 'Title of c.html']);
    chosen = join(folder, 'markdown');
    valueOf(await exports.conversations(['c'], 'markdown'));
    expect(await readdir(chosen)).toEqual(['Title of c.md']);
    const [dragged = ''] = valueOf(await exports.forDrag(['c']));
    expect(JSON.parse(await readFile(dragged, 'utf8'))).toMatchObject({ id: 'c' });
    await exports.close();
    await expect(readFile(dragged)).rejects.toThrow('ENOENT');
  });

  it('take along conversations whose long titles are the same', async () => {
    const title = 'Long '.repeat(60);
    for (const id of ['a', 'b']) {
      valueOf(await access.call('save', { conversation: { ...conversation(id, 'Hello.'), title } }));
    }
    const exports = new LibraryExports({
      library: access,
      dialogs: { saveFile: () => Promise.resolve(null), chooseFolder: () => Promise.resolve(null) },
      temporaryFolder: folder,
    });
    const paths = valueOf(await exports.forDrag(['a', 'b']));
    const written = await Promise.all(
      paths.map(async (path) => JSON.parse(await readFile(path, 'utf8')) as Conversation),
    );
    expect(written.map(({ id }) => id)).toEqual(['a', 'b']);
    await exports.close();
  });
});
