import { describe, expect, it } from 'vitest';
import { LibraryError } from '../store/errors';
import { importCollection } from './import-file';
import type { ImportReport } from './import-report';
import type { ImportProgress } from './import-sink';
import {
  activityPage,
  aiStudio,
  chatGpt,
  claudeManifest,
  claudeProject,
  fullChatGpt,
  fullClaude,
  geminiActivity,
  node,
  text,
} from './testdata/exports';
import { JAN_THREAD, janMessages, libreChat, lmStudio, openWebUi } from './testdata/local-exports';
import { collectionOf, MemorySink, partsOf } from './testdata/reading';
import { validateConversation } from '../../protocol/conversation/check-conversation';
import { readJson } from '../../protocol/documents/read-document';

type Files = Readonly<Record<string, string | Buffer>>;

async function run(
  files: Files,
  kind: 'file' | 'archive' = 'archive',
): Promise<{ readonly report: ImportReport; readonly sink: MemorySink }> {
  const sink = new MemorySink();
  const report = await importCollection(collectionOf(files, kind), sink, {});
  const { found, imported, updated, alreadyThere, skippedCount, failedCount } = report;
  expect(found).toBe(imported + updated + alreadyThere + skippedCount + failedCount);
  for (const conversation of sink.conversations) {
    const { attachments: _attachments, ...bare } = conversation;
    expect(validateConversation(bare)).toMatchObject({ ok: true });
  }
  return { report, sink };
}

function json(value: unknown): string {
  return JSON.stringify(value);
}

const jsonl = (lines: readonly unknown[]): string => lines.map((line) => `${json(line)}\n`).join('');

describe('what is made of a record', () => {
  function nested(depth: number): unknown {
    let value: unknown = 1;
    for (let level = 0; level < depth; level += 1) value = [value];
    return value;
  }

  it.each([
    ['a conversation of ChatGPT', (extra: unknown) => chatGpt([node('a', null, [], {})], { extra })],
    ['a project of Claude', (extra: unknown) => ({ ...claudeProject(), extra })],
  ])('can be read again, or is refused: %s', async (_name, record) => {
    for (const depth of [190, 197, 198, 199]) {
      const { report, sink } = await run({ 'export.json': json([record(nested(depth))]) });
      expect(report).toMatchObject({ found: 1, failedCount: depth > 197 ? 1 : 0 });
      for (const made of [...sink.conversations, ...sink.documents.map(({ document }) => document)]) {
        expect(readJson(json(made))).toMatchObject({ ok: true });
      }
    }
  });

  it('keeps the text of arguments that nest too deeply', async () => {
    const deep = `${'['.repeat(5_000)}${']'.repeat(5_000)}`;
    const call = node('a', null, [], { role: 'assistant', recipient: 'python', content: text(deep) });
    const chat = { messages: [{ role: 'assistant', tool_calls: [{ function: { name: 'f', arguments: deep } }] }] };
    for (const record of [chatGpt([call]), chat]) {
      const { sink } = await run({ 'export.json': json(record) });
      expect(sink.conversations[0]?.messages[0]?.content).toMatchObject([{ type: 'tool_call', arguments: deep }]);
    }
  });

  it('is named where it holds more than a message may, and the others are taken', async () => {
    const many = (entry: object) => Array.from({ length: 300_000 }, () => entry);
    const drawn = chatGpt([
      node('a', null, [], { metadata: { aggregate_result: { messages: many({ image_url: 'x' }) } } }),
    ]);
    const { report } = await run({ 'export.json': json([drawn, fullChatGpt()]) });
    expect(report).toMatchObject({ imported: 1, failedCount: 1 });
    const cited = { type: 'text', text: 'a', citations: many({ title: 'x' }) };
    const claude = fullClaude();
    const quoting = { ...claude, chat_messages: [{ uuid: 'm', sender: 'assistant', content: [cited] }] };
    expect((await run({ 'export.json': json([quoting, claude]) })).report).toMatchObject({
      imported: 1,
      failedCount: 1,
    });
  });
});

describe('finding out what a file is', () => {
  const products: readonly (readonly [string, string, number])[] = [
    ['chatgpt', json([fullChatGpt(), fullChatGpt()]), 2],
    ['chatgpt', json(fullChatGpt()), 1],
    ['claude', json([fullClaude()]), 1],
    ['gemini', json([geminiActivity('Prompted a', '<p>b</p>')]), 1],
    ['gemini', activityPage([{ body: 'Prompted&nbsp;a<br>Mar 4, 2025, 5:06:07 AM UTC<br><p>b</p>' }]), 1],
    ['google-ai-studio', json(aiStudio()), 1],
    ['open-webui', json([openWebUi()]), 1],
    ['librechat', json(libreChat()), 1],
    ['lm-studio', json(lmStudio()), 1],
    ['jan', jsonl(janMessages()), 1],
    [
      'chat-messages',
      jsonl([{ messages: [{ role: 'user', content: 'a' }] }, { messages: [{ role: 'user', content: 'b' }] }]),
      2,
    ],
    [
      'chat-messages',
      jsonl([
        { role: 'user', content: 'a' },
        { role: 'assistant', content: 'b' },
      ]),
      1,
    ],
    ['chat-messages', json([{ conversations: [{ from: 'human', value: 'a' }] }]), 1],
    ['markdown', '# T\n\n## User\n\nhi', 1],
    ['claude', json({ conversations: [fullClaude()] }), 1],
  ];
  it.each(products)('recognises %s by its structure, whatever its name', async (platform, content, count) => {
    const { report, sink } = await run({ 'x.dat': content }, 'file');
    expect(sink.conversations.map(({ source }) => source.platform)).toEqual(
      Array.from({ length: count }, () => platform),
    );
    expect(report).toMatchObject({ imported: count, failedCount: 0, skippedCount: 0 });
  });

  it.each([
    ['nothing', ''],
    ['binary', Buffer.from([0, 1, 2, 3, 255])],
    ['a picture', Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0, 0])],
    ['other JSON', '{"a":[1,2,3]}'],
    ['an empty list', '[]'],
    ['broken JSON', '{"mapping":'],
    ['a web page', '<!doctype html><p>hello'],
  ])('refuses %s with a suggestion', async (_what, content) => {
    await expect(run({ 'x.json': content }, 'file')).rejects.toMatchObject({
      failure: { code: 'format-unknown', suggestion: expect.stringContaining('ChatGPT') as unknown },
    });
  });

  it('says what to do with a list of downloads, and fetches nothing', async () => {
    await expect(run({ 'manifest.json': json(claudeManifest()) }, 'file')).rejects.toMatchObject({
      failure: { code: 'format-unknown', suggestion: expect.stringContaining('browser') as unknown },
    });
  });
});

describe('archives of products', () => {
  it('reads Claude: conversations, projects in one file or in one each, files by their id', async () => {
    const picture = Buffer.from([0x89, 0x50, 0x4e, 0x47]);
    const { report, sink } = await run({
      'conversations.json': json([fullClaude()]),
      'projects.json': json([claudeProject()]),
      'projects/two.json': json({ ...claudeProject(), uuid: 'd1d1d1d1-0000-4000-8000-000000000002' }),
      'users.json': json([{ uuid: 'u', full_name: 'Ada', email_address: 'a@b.example' }]),
      'attachments/c0ffee00-0000-4000-8000-000000000001/dough.png': picture,
    });
    expect(report).toMatchObject({
      formats: ['claude'],
      imported: 3,
      skippedCount: 1,
      storedFiles: 1,
      missingFiles: 0,
    });
    expect(sink.documents.map(({ kind }) => kind)).toEqual(['project', 'project']);
    const [conversation] = sink.conversations;
    if (conversation === undefined) throw new Error('no conversation');
    expect(partsOf(conversation, 'm1')[2]).toMatchObject({
      attachment_id: conversation.attachments?.[0]?.id,
      media_type: 'image/png',
    });
  });

  it('takes no other file of the same name for one that is not in the export', async () => {
    const pointer = { content_type: 'image_asset_pointer', asset_pointer: 'sediment://file_0000000012345678' };
    const record = chatGpt([
      node('a', null, [], {
        content: { content_type: 'multimodal_text', parts: [pointer] },
        metadata: { attachments: [{ id: 'file_0000000012345678', name: 'image.png' }] },
      }),
    ]);
    const { report, sink } = await run({ 'conversations.json': json([record]), 'other/image.png': 'x' });
    expect(report).toMatchObject({ storedFiles: 0, missingFiles: 1 });
    expect(sink.conversations[0]?.attachments).toBeUndefined();
  });

  it('joins the files of a thread of Jan', async () => {
    const { sink } = await run({
      'threads/jan_17/thread.json': json(JAN_THREAD),
      'threads/jan_17/messages.jsonl': jsonl(janMessages()),
      'threads/jan_18/messages.jsonl': jsonl([{ ...janMessages()[0], thread_id: 'jan_18' }]),
    });
    expect(sink.conversations.map(({ title, messages }) => [title, messages.length])).toEqual([
      ['Trains', 3],
      ['Fast?', 1],
    ]);
  });

  it('learns the language of a Takeout and takes the files beside it', async () => {
    const words = ['eins', 'zwei', 'drei', 'vier', 'fünf'];
    const { sink, report } = await run({
      'Takeout/Meine Aktivitäten/Gemini/MeineAktivitäten.json': json([
        ...words.map((word) =>
          geminiActivity(
            `Eingabe gesendet ${word}`,
            '<p>ja</p>',
            word === 'eins' ? { attachedFiles: ['bild-1.png'] } : {},
          ),
        ),
        geminiActivity('Gesehen', null, { header: 'YouTube', products: ['YouTube'] }),
      ]),
      'Takeout/Meine Aktivitäten/Gemini/bild-1.png': 'x',
    });
    expect(sink.conversations.map(({ title }) => title)).toEqual(words);
    expect(report).toMatchObject({ imported: 5, skippedCount: 1, storedFiles: 1 });
  });

  it('takes content written into addresses', async () => {
    const { sink, report } = await run({ 'chats.json': json([openWebUi()]) }, 'file');
    expect(report).toMatchObject({ storedFiles: 1, missingFiles: 0 });
    expect([...sink.files.values()].map((bytes) => bytes.toString('hex'))).toEqual(['89504e47']);
    expect(JSON.stringify(sink.conversations[0]?.messages[1]?.content)).not.toContain('data:');
  });
});

describe('records that cannot be used', () => {
  it('are reported one by one, and the others are imported', async () => {
    const good = json(chatGpt([node('a', null, [], {})]));
    const { report } = await run(
      {
        'conversations.json': `[${good}, null, 7, {"title":"unknown"}, {"mapping":{"a":1},"mapping":{}}, {"mapping":{},"x":1e999}, ${good.slice(0, -2)}`,
      },
      'file',
    );
    expect(report.imported).toBe(1);
    expect(report.skipped.map(({ why }) => why)).toEqual([
      'it is null',
      'it is not an object',
      'its layout is not known',
    ]);
    expect(report.failed.map(({ why }) => why)).toEqual([
      'an object in it has the same field twice',
      'a number in it is too large',
      'the file ends in the middle of it',
    ]);
  });

  it('keeps lone surrogates', async () => {
    const record = chatGpt([node('a', null, [], { content: { content_type: 'text', parts: ['half \ud83d'] } })], {
      title: '\udc00',
    });
    const { sink } = await run({ 'c.json': json([record]) }, 'file');
    expect(sink.conversations[0]?.title).toBe('\udc00');
    expect(sink.conversations[0]?.messages[0]?.content).toEqual([{ type: 'text', text: 'half \ud83d' }]);
  });

  it('stops on damage between the records', async () => {
    await expect(run({ 'c.json': `[${json(fullChatGpt())} oops]` }, 'file')).rejects.toMatchObject({
      failure: { code: 'content-invalid' },
    });
  });
});

describe('documents of the family', () => {
  const message = { id: 'm', participant_id: 'p', content: [{ type: 'text', text: 'x' }], metadata: {} };
  const document = {
    tore_spec: 'tore-0005',
    id: '0190a0a0-0000-7000-8000-000000000001',
    title: 'T',
    created_at: '2026-01-01T00:00:00Z',
    updated_at: '2026-01-01T00:00:00Z',
    source: { platform: 'tore-desktop' },
    participants: [{ id: 'p', role: 'human' }],
    messages: [message],
    metadata: {},
    attachments: [
      {
        id: 'f',
        name: 'a.txt',
        media_type: 'text/plain',
        size_bytes: 1,
        checksum: { algorithm: 'sha-256', value: '2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881' },
        storage: 'inline',
        data: 'eA==',
      },
    ],
  };

  it('are taken with their attachments verified and detached', async () => {
    const { sink } = await run({ 'a.tore5.json': json(document) }, 'file');
    expect(sink.conversations[0]?.attachments).toMatchObject([{ id: 'f', data: '' }]);
    expect([...sink.files.values()].map(String)).toEqual(['x']);
  });

  it('are refused when an attachment is not what its checksum says', async () => {
    const wrong = { ...document, attachments: [{ ...document.attachments[0], data: 'eQ==' }] };
    const { report } = await run({ 'a.tore5.json': json(wrong) }, 'file');
    expect(report.failed[0]?.why).toContain('a.txt');
    const invalid = await run({ 'a.tore5.json': json({ ...document, head: 'nobody' }) }, 'file');
    expect(invalid.report).toMatchObject({ imported: 0, failedCount: 1 });
  });
});

describe('progress and cancelling', () => {
  const many = json(
    Array.from({ length: 50 }, (_, index) =>
      chatGpt([node('a', null, [], {})], { id: `c${index}`, conversation_id: `c${index}` }),
    ),
  );

  it('counts bytes up to the end', async () => {
    const seen: ImportProgress[] = [];
    await importCollection(collectionOf({ 'c.json': many }, 'file'), new MemorySink(), {
      onProgress: (progress) => seen.push(progress),
    });
    expect(seen.length).toBeGreaterThan(10);
    expect(
      seen.every((progress, index) => index === 0 || progress.bytesDone >= (seen[index - 1]?.bytesDone ?? 0)),
    ).toBe(true);
    expect(seen.at(-1)).toEqual({ bytesDone: many.length, bytesTotal: many.length, documents: 50 });
  });

  it('stops at once', async () => {
    const controller = new AbortController();
    const sink = new MemorySink();
    const work = importCollection(collectionOf({ 'c.json': many }, 'file'), sink, {
      signal: controller.signal,
      onProgress: ({ documents }) => {
        if (documents >= 3) controller.abort();
      },
    });
    await expect(work).rejects.toThrow(LibraryError);
    await expect(work).rejects.toMatchObject({ failure: { code: 'cancelled' } });
    expect(sink.conversations.length).toBeLessThan(10);
  });
});
