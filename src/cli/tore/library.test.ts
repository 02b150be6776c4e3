import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { success } from '../../protocol/result';
import { runTore } from './program';
import { EXIT, processTerminal, STREAM, type Terminal } from './terminal';

const example = fileURLToPath(new URL('../../../schemas/examples/conversation.tore5.json', import.meta.url));

/** An export of one conversation with two answers to one question, the second of which is shown. */
const CHATGPT_EXPORT = [
  {
    title: 'Tiles of İznik',
    create_time: 1_700_000_000.25,
    update_time: 1_700_000_100,
    conversation_id: '6f3c0d6e-0000-4000-8000-000000000001',
    current_node: 'answer-2',
    mapping: {
      root: { id: 'root', message: null, parent: null, children: ['question'] },
      question: {
        id: 'question',
        parent: 'root',
        children: ['answer-1', 'answer-2'],
        message: {
          id: 'question',
          author: { role: 'user' },
          create_time: 1_700_000_001,
          content: { content_type: 'text', parts: ['Which blue is on the tiles?'] },
          metadata: {},
        },
      },
      'answer-1': {
        id: 'answer-1',
        parent: 'question',
        children: [],
        message: {
          id: 'answer-1',
          author: { role: 'assistant' },
          create_time: 1_700_000_002,
          content: { content_type: 'text', parts: ['Turquoise.'] },
          metadata: { model_slug: 'a-model' },
        },
      },
      'answer-2': {
        id: 'answer-2',
        parent: 'question',
        children: [],
        message: {
          id: 'answer-2',
          author: { role: 'assistant' },
          create_time: 1_700_000_003,
          content: { content_type: 'text', parts: ['Cobalt, from cobalt oxide.'] },
          metadata: { model_slug: 'a-model' },
        },
      },
    },
  },
];

let folder = '';
let library = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tore-library-cli-'));
  library = join(folder, 'library');
});
afterEach(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }));

async function tore(...args: string[]): Promise<{ code: number; out: string; notes: string }> {
  let out = '';
  let notes = '';
  const terminal: Terminal = {
    read: processTerminal.read,
    write: (path, text, options) => {
      if (path !== STREAM) return processTerminal.write(path, text, options);
      out += text;
      return Promise.resolve(success(null));
    },
    note: (line) => {
      notes += `${line}\n`;
    },
  };
  return { code: await runTore(args, '1.2.3', terminal), out, notes };
}

describe('tore import, search and export', () => {
  it('take an export in once, find it again and write it out', async () => {
    const exported = join(folder, 'conversations.json');
    writeFileSync(exported, JSON.stringify(CHATGPT_EXPORT));
    const first = await tore('import', exported, example, '--library', library);
    expect(first).toMatchObject({ code: EXIT.ok });
    expect(first.notes.match(/Found 1: 1 new/g)).toHaveLength(2);
    expect((await tore('import', exported, '--library', library)).notes).toContain('1 there already');

    const found = await tore('search', 'cobalt', 'ox', '--library', library);
    expect(found.out).toContain('Tiles of İznik');
    expect(found.out).toContain('Cobalt, from cobalt oxide.');
    expect(await tore('search', 'nowhere-to-be-found', '--library', library)).toMatchObject({ out: '' });

    const written = join(folder, 'written');
    expect(await tore('export', '--library', library, '--to', 'tore5', '--out', written)).toMatchObject({
      code: EXIT.ok,
      notes: 'Conversations: 2.\n',
    });
    const files = readdirSync(written).map((name) => join(written, name));
    expect(await tore('validate', ...files)).toMatchObject({ code: EXIT.ok });
    const documents = files.map((file) => JSON.parse(readFileSync(file, 'utf8')) as { title: string; head: string });
    const tiles = documents.find(({ title }) => title === 'Tiles of İznik') as
      { messages: { id: string; content: { text: string }[] }[]; head: string } | undefined;
    expect(tiles?.messages.find(({ id }) => id === tiles.head)?.content[0]?.text).toBe('Cobalt, from cobalt oxide.');
    expect(JSON.stringify(tiles)).toContain('Turquoise.');
  });

  it('refuse wrong use and name what cannot be imported', async () => {
    const other = join(folder, 'list.json');
    writeFileSync(other, '{"shopping":["tea"]}');
    expect(await tore('import', other)).toMatchObject({ code: EXIT.usage });
    const refused = await tore('import', other, '--library', library);
    expect(refused.code).not.toBe(EXIT.ok);
    expect(refused.notes).not.toBe('');
    expect(await tore('import', join(folder, 'absent.zip'), '--library', library)).toMatchObject({ code: EXIT.io });
    expect(await tore('search', 'x', '--library', library, '--limit', '0')).toMatchObject({ code: EXIT.usage });
    expect(await tore('export', '--library', library, '--to', 'pdf', '--out', folder)).toMatchObject({
      code: EXIT.usage,
    });
  });
});
