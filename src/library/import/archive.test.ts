import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { importFile } from './import-file';
import { chatGpt, fullChatGpt, node } from './testdata/exports';
import { MemorySink } from './testdata/reading';
import { zipBytes, type RawEntry } from './testdata/zip-bytes';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tore-archive-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const CONVERSATIONS: RawEntry = { name: 'conversations.json', content: JSON.stringify([fullChatGpt()]) };

async function importZip(
  bytes: Buffer,
): Promise<{ readonly result: Awaited<ReturnType<typeof importFile>>; readonly sink: MemorySink }> {
  const path = join(folder, `${Math.random()}.zip`);
  await writeFile(path, bytes);
  const sink = new MemorySink();
  return { result: await importFile(path, sink), sink };
}

async function refusal(entries: readonly RawEntry[]): Promise<string> {
  const { result, sink } = await importZip(zipBytes(entries));
  expect(sink.conversations).toHaveLength(0);
  if (result.ok) throw new Error('it was not refused');
  expect(result.error.message).not.toBe('');
  return result.error.code;
}

describe('archives', () => {
  it('reads an honest one, with the images the conversation points to', async () => {
    const png = Buffer.from([0x89, 0x50, 0x4e, 0x47, 1, 2, 3]);
    const { result, sink } = await importZip(
      zipBytes([
        CONVERSATIONS,
        { name: 'file-AbC123xyz-beach.png', content: png },
        { name: 'dalle-generations/file_00000000aa11.dat', content: '%PDF-1' },
        { name: 'chat.html', content: '<html><body>chat</body></html>' },
        { name: 'user.json', content: '{"id":"u","email":"a@b.example"}' },
      ]),
    );
    expect(result).toMatchObject({
      ok: true,
      value: {
        formats: ['chatgpt'],
        found: 3,
        imported: 1,
        skippedCount: 2,
        failedCount: 0,
        storedFiles: 2,
        missingFiles: 1,
      },
    });
    const [conversation] = sink.conversations;
    expect(conversation?.attachments).toMatchObject([
      { name: 'beach.png', media_type: 'image/png', size_bytes: 7, storage: 'inline', data: '' },
      { name: 'notes.pdf', media_type: 'application/pdf', size_bytes: 6 },
    ]);
    expect([...sink.files.values()]).toContainEqual(png);
  });

  it('reads the shards of 2026 in their order', async () => {
    const shard = (index: number): RawEntry => ({
      name: `conversations-00${index}.json`,
      content: JSON.stringify([
        chatGpt([node('a', null, [], {})], { conversation_id: `c${index}`, id: `c${index}`, title: `T${index}` }),
      ]),
    });
    const { result, sink } = await importZip(
      zipBytes([shard(1), shard(0), { name: 'export_manifest.json', content: '{"version":1}' }]),
    );
    expect(result).toMatchObject({ ok: true, value: { imported: 2, skippedCount: 1 } });
    expect(sink.conversations.map(({ title }) => title)).toEqual(['T0', 'T1']);
  });

  it('takes JSON and Markdown that somebody uploaded to the product for files, not for conversations', async () => {
    const { result, sink } = await importZip(
      zipBytes([
        CONVERSATIONS,
        { name: 'file-UP1-notes.md', content: '## User\nhello' },
        { name: 'file-UP2-data.json', content: '{"messages":[{"role":"user","content":"x"}]}' },
      ]),
    );
    expect(result).toMatchObject({ ok: true, value: { formats: ['chatgpt'], imported: 1 } });
    expect(sink.conversations).toHaveLength(1);
  });

  it.each(['../evil.json', '/etc/evil.json', 'a/../../evil.json', 'C:/evil.json', '..\\evil.json'])(
    'refuses a name that leads out: %s',
    async (name) => {
      expect(await refusal([CONVERSATIONS, { name, content: '[]' }])).toBe('archive-unsafe');
    },
  );

  it('refuses links', async () => {
    expect(await refusal([CONVERSATIONS, { name: 'link', content: '/etc/passwd', mode: 0o120777 }])).toBe(
      'archive-unsafe',
    );
  });

  it('refuses what unpacks to too many times its size', async () => {
    expect(await refusal([{ name: 'zeros.json', content: Buffer.alloc(80_000_000) }])).toBe('archive-bomb');
  });

  it('refuses files that claim too much or share their bytes', async () => {
    const content = Array.from({ length: 2_000 }, (_, index) => Math.sin(index)).join();
    const overlapping = Array.from({ length: 20 }, (_, index) => ({
      name: `${index}.bin`,
      content,
      isShared: index > 0,
    }));
    expect(await refusal(overlapping)).toBe('archive-bomb');
    const claims = Array.from({ length: 70 }, (_, index) => ({
      name: `${index}.bin`,
      content: 'x',
      claimedBytes: 4_000_000_000,
    }));
    expect(await refusal(claims)).toBe('archive-bomb');
  });

  it('refuses an entry that is larger than it claims, while reading', async () => {
    const { result } = await importZip(zipBytes([{ ...CONVERSATIONS, claimedBytes: 100 }]));
    expect(result).toMatchObject({ ok: false, error: { code: 'archive-broken' } });
  });

  it('refuses content that is not what was packed', async () => {
    expect(await refusal([{ ...CONVERSATIONS, claimedChecksum: 1 }])).toBe('archive-broken');
  });

  it('refuses encrypted and damaged ones', async () => {
    expect(await refusal([{ ...CONVERSATIONS, isEncrypted: true }])).toBe('archive-encrypted');
    const whole = zipBytes([CONVERSATIONS]);
    expect((await importZip(whole.subarray(0, whole.length - 30))).result).toMatchObject({
      ok: false,
      error: { code: 'archive-broken' },
    });
    expect((await importZip(zipBytes([]))).result).toMatchObject({ ok: false, error: { code: 'format-unknown' } });
  });
});

describe('folders', () => {
  it('does not follow links', async () => {
    const root = await mkdtemp(join(folder, 'unpacked-'));
    await writeFile(join(root, 'conversations.json'), CONVERSATIONS.content);
    await symlink('/etc', join(root, 'elsewhere'));
    const sink = new MemorySink();
    expect(await importFile(root, sink)).toMatchObject({
      ok: true,
      value: { imported: 1, skipped: [{ what: 'elsewhere', why: 'it is a link to another place' }] },
    });
  });

  it('names a path that is not there', async () => {
    expect(await importFile(join(folder, 'none.zip'), new MemorySink())).toMatchObject({
      ok: false,
      error: { code: 'file-missing' },
    });
  });
});
