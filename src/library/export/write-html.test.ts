import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Conversation } from '../../protocol/conversation/conversation';
import type { Result } from '../../protocol/result';
import { openLibrary, type Library } from '../store/open-library';
import { exportConversations } from './export-conversations';

let folder = '';
let library: Library;

function value<Value>(result: Result<Value>): Value {
  if (!result.ok) throw new Error(`${result.error.code}: ${result.error.message}`);
  return result.value;
}

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tore-html-'));
  library = value(await openLibrary(join(folder, 'library')));
});
afterEach(async () => {
  await library.close();
  await rm(folder, { recursive: true, force: true });
});

const PNG = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
  'base64',
);
const SVG = Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>');

async function* bytes(content: Buffer): AsyncGenerator<Buffer> {
  yield content;
}

async function attachment(id: string, content: Buffer) {
  const { sha256, sizeBytes } = value(await library.addFile(bytes(content)));
  return {
    id,
    name: `${id}.png`,
    media_type: 'image/png',
    size_bytes: sizeBytes,
    checksum: { algorithm: 'sha-256' as const, value: sha256 },
    storage: 'inline' as const,
    data: '',
  };
}

it('writes one page that shows everything, runs nothing and fetches nothing', async () => {
  const conversation: Conversation = {
    tore_spec: 'tore-0005',
    id: 'c',
    title: '<script>alert("title")</script>',
    created_at: '2026-01-01T00:00:00Z',
    updated_at: '2026-01-01T00:00:00Z',
    source: { platform: 'x"><script>' },
    participants: [
      { id: 'h', role: 'human', name: '<b>Ada</b>' },
      { id: 'm', role: 'model' },
    ],
    messages: [
      { id: '1', participant_id: 'h', content: [{ type: 'text', text: 'See <img src=x onerror=alert(1)> $x^2$' }] },
      {
        id: '2',
        parent_id: '1',
        participant_id: 'm',
        content: [
          {
            type: 'text',
            text: [
              '[bad](javascript:alert(1)) ![far](https://far.example/pixel.png) [good](https://good.example/)',
              '',
              '```js',
              'const a = "</script><script>alert(2)</script>";',
              '```',
              '',
              '<iframe src="https://far.example"></iframe>',
              '',
              '| a | b |',
              '|---|---|',
              '| 1 | 2 |',
            ].join('\n'),
          },
          { type: 'image', attachment_id: 'real' },
          { type: 'image', attachment_id: 'vector', alt: 'a drawing' },
          { type: 'thinking', text: '</pre><script>alert(3)</script>' },
        ],
      },
      {
        id: '3',
        parent_id: '2',
        participant_id: 'h',
        content: [{ type: 'text', text: 'secret words' }],
        metadata: { hidden: true },
      },
    ],
    head: '3',
    attachments: [await attachment('real', PNG), await attachment('vector', SVG)],
  };
  value(await library.conversations.save(conversation));
  const path = join(folder, 'page.html');
  value(await exportConversations(library, ['c', 'c'], 'html', { kind: 'file', path }));
  const html = await readFile(path, 'utf8');
  const withoutText = html.replace(/<style>[^]*?<\/style>/, '');
  expect(html).not.toMatch(/<script|<iframe|javascript:|<svg/i);
  // As text it may say anything; as an attribute of a tag it would run or fetch.
  expect(withoutText).not.toMatch(/<[^>]*\s(?:on\w+|srcset|style)=/i);
  expect([...withoutText.matchAll(/<[^>]*\ssrc="([^"]*)/g)].map(([, source]) => source?.slice(0, 22))).toEqual([
    'data:image/png;base64,',
    '',
    'data:image/png;base64,',
    '',
  ]);
  expect(html).toContain(PNG.toString('base64'));
  expect(html).toContain('href="https://good.example/"');
  expect(html).toContain('<math');
  expect(html).toContain('<table>');
  expect(html).not.toContain('secret words');
  expect(html).toContain("default-src 'none'");
});

it('writes nothing half when it is cancelled', async () => {
  await writeFile(join(folder, 'in.md'), '# T\n\n## User\n\nhi');
  value(await library.importFile(join(folder, 'in.md')));
  const [summary] = value(await library.conversations.list({ limit: 1 })).conversations;
  const path = join(folder, 'page.html');
  const result = await exportConversations(
    library,
    [summary?.id ?? ''],
    'html',
    { kind: 'file', path },
    { signal: AbortSignal.abort() },
  );
  expect(result).toMatchObject({ ok: false, error: { code: 'cancelled' } });
  await expect(readFile(path)).rejects.toThrow('ENOENT');
});
