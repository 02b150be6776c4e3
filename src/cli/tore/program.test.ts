import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { success } from '../../protocol/result';
import { runTore } from './program';
import { EXIT, processTerminal, STREAM, type Terminal } from './terminal';

const schemas = fileURLToPath(new URL('../../../schemas/', import.meta.url));
const example = (name: string): string => join(schemas, 'examples', name);
const parse = (path: string): Record<string, unknown> => JSON.parse(readFileSync(path, 'utf8')) as never;

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tore-cli-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** Runs the program over real files; the streams are collected. */
async function tore(args: readonly string[], input = ''): Promise<{ code: number; out: string; notes: string }> {
  let out = '';
  let notes = '';
  const terminal: Terminal = {
    read: (path) => (path === STREAM ? Promise.resolve(success(Buffer.from(input))) : processTerminal.read(path)),
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

describe('tore', () => {
  it('explains itself and refuses what it does not know', async () => {
    expect((await tore(['--help'])).out).toContain('tore validate FILE');
    for (const args of [
      ['inspect', '--help'],
      ['inspect', '-h', 'x'],
    ]) {
      const { code, out } = await tore(args);
      expect([code, out.split('\n')[0]]).toEqual([EXIT.ok, '  tore inspect FILE [--json]']);
      expect(out).not.toContain('tore validate');
    }
    expect(await tore(['--version'])).toMatchObject({ code: EXIT.ok, out: '1.2.3\n' });
    expect(await tore([])).toMatchObject({ code: EXIT.usage });
    for (const args of [['constructor'], ['inspect'], ['inspect', 'a', 'b'], ['validate', '--colour', 'x']]) {
      expect(await tore(args)).toMatchObject({ code: EXIT.usage, out: '' });
    }
  });
});

describe('tore validate', () => {
  it('accepts every example, also through the standard input', async () => {
    const files = readdirSync(join(schemas, 'examples')).map(example);
    expect(await tore(['validate', ...files])).toMatchObject({ code: EXIT.ok, out: '' });
    const input = readFileSync(example('project.tore4.json'), 'utf8');
    expect((await tore(['validate', STREAM], input)).notes).toBe('The standard input: A valid project.\n');
  });

  it('says what is wrong and where, and tells a bad document from a missing file', async () => {
    const cut = join(folder, 'cut.tore5.json');
    writeFileSync(cut, readFileSync(example('conversation.tore5.json')).subarray(0, 1_204));
    const bad = await tore(['validate', cut]);
    expect(bad.code).toBe(EXIT.invalid);
    expect(bad.notes).toContain('This file is not a conversation: it ends in the middle (byte 1,204).');
    const missing = await tore(['validate', join(folder, 'none.json'), cut]);
    expect(missing).toMatchObject({ code: EXIT.io });
    expect(missing.notes).toContain('there is no such file');
  });

  it('answers scripts with JSON and finds a damaged attachment', async () => {
    const vector = parse(join(schemas, 'vectors/invalid/conversation/attachment-content-changed.json'));
    const answer = await tore(['validate', STREAM, '--json'], JSON.stringify(vector['document']));
    expect(answer).toMatchObject({ code: EXIT.invalid, notes: '' });
    expect(JSON.parse(answer.out)).toMatchObject([{ valid: false, problems: [{ pointer: '/attachments/0' }] }]);
    expect(answer.out).toContain('plants.png');
  });
});

describe('tore inspect', () => {
  it('counts messages and branches', async () => {
    const { code, out } = await tore(['inspect', example('conversation.tore5.json'), '--json']);
    expect(code).toBe(EXIT.ok);
    expect(JSON.parse(out)).toMatchObject({ kind: 'conversation', messages: 6, branches: 2, attachments: 2 });
  });

  it('does not let a document steer the terminal', async () => {
    const document = { ...parse(example('conversation.tore5.json')), title: '\u001b[2Jgone\u202e' };
    const { out } = await tore(['inspect', STREAM], JSON.stringify(document));
    expect(out).toContain('title: \ufffd[2Jgone\ufffd\n');
  });
});

describe('tore canonical', () => {
  it('writes RFC 8785, the example of the RFC included', async () => {
    const input = String.raw`{ "numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],
      "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/", "literals": [null, true, false] }`;
    const { code, out } = await tore(['canonical', STREAM], input);
    expect(code).toBe(EXIT.ok);
    expect(out).toBe(
      String.raw`{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"string":"€$\u000f\nA'B\"\\\\\"/"}`,
    );
  });
});

/** The fields of an attachment that stands in its document. */
function inline(bytes: Buffer): Record<string, unknown> {
  const value = createHash('sha256').update(bytes).digest('hex');
  return { size_bytes: bytes.length, checksum: { algorithm: 'sha-256', value }, data: bytes.toString('base64') };
}

describe('tore keygen, sign and verify', () => {
  async function newKey(name: string): Promise<{ file: string; publicKey: string }> {
    const file = join(folder, name);
    const made = await tore(['keygen', '--out', file, '--json']);
    expect(made.code).toBe(EXIT.ok);
    const { public_key: publicKey } = JSON.parse(made.out) as { public_key: string };
    return { file, publicKey };
  }

  it('keeps a key to its owner and never replaces one', async () => {
    const { file } = await newKey('key.pem');
    if (process.platform !== 'win32') expect(statSync(file).mode & 0o777).toBe(0o600);
    const before = readFileSync(file, 'utf8');
    expect(await tore(['keygen', '--out', file])).toMatchObject({ code: EXIT.io });
    expect(readFileSync(file, 'utf8')).toBe(before);
  });

  it('signs a record that holds until it is changed', async () => {
    const { file, publicKey } = await newKey('key.pem');
    const record = parse(example('discovery.tore2-discovery.json'));
    const draft = { ...record, node: { node_id: 'n', public_key: publicKey }, signature: undefined };
    const signed = await tore(['sign', '--key', file, STREAM], JSON.stringify(draft));
    expect(signed.code).toBe(EXIT.ok);
    expect(await tore(['verify', STREAM], signed.out)).toMatchObject({ code: EXIT.ok });
    const forged = signed.out.replace('"accepts": true', '"accepts": false');
    expect(await tore(['verify', STREAM], forged)).toMatchObject({ code: EXIT.invalid });
    const stranger = await newKey('other.pem');
    expect(await tore(['sign', '--key', stranger.file, STREAM], JSON.stringify(draft))).toMatchObject({
      code: EXIT.invalid,
    });
  });

  it('collects the signatures of an agreement one party after the other', async () => {
    const keys = [await newKey('a.pem'), await newKey('b.pem')];
    const agreement = parse(example('agreement.tore2-agreement.json'));
    const parties = keys.map(({ publicKey }, index) => ({
      node_id: `n${index}`,
      public_key: publicKey,
      name: `N${index}`,
    }));
    let text = JSON.stringify({ ...agreement, parties, evidence: [], signatures: [] });
    for (const { file } of keys) {
      expect(await tore(['verify', STREAM], text)).toMatchObject({ code: EXIT.invalid });
      text = (await tore(['sign', '--key', file, STREAM], text)).out;
    }
    const verified = await tore(['verify', STREAM, '--json'], text);
    expect(verified.code).toBe(EXIT.ok);
    expect(JSON.parse(verified.out)).toMatchObject({ verified: true, signatures: 2, unsigned: 0 });
  });

  it('verifies the turns of a session and counts the unsigned', async () => {
    const { code, notes } = await tore(['verify', example('session.tore3.json')]);
    expect(code).toBe(EXIT.ok);
    expect(notes).toContain('Turns without a signature: 1.');
  });

  it('verifies the sessions inside a project, and the agreement beside them', async () => {
    const session = parse(example('session.tore3.json'));
    const agreement = readFileSync(example('agreement.tore2-agreement.json'));
    const attachment = {
      id: 'agreement',
      name: 'agreement.tore2-agreement.json',
      media_type: 'application/json',
      storage: 'inline',
      ...inline(agreement),
    };
    const project = {
      tore_spec: 'tore-0004',
      id: 'project',
      name: 'Between two',
      instructions: '',
      conversations: [],
      sessions: [session],
      attachments: [attachment],
      created_at: '2026-03-01T00:00:00.000Z',
      updated_at: '2026-03-01T00:00:00.000Z',
    };
    const { code, notes } = await tore(['verify', STREAM], JSON.stringify(project));
    expect(notes).toContain('Turns without a signature: 1.');
    expect(code).toBe(EXIT.ok);
    const turns = session['turns'] as Record<string, unknown>[];
    const changed = { ...session, turns: turns.map((turn) => ({ ...turn, created_at: '2026-03-01T00:00:00.000Z' })) };
    const forged = JSON.stringify({ ...project, sessions: [changed] });
    const refused = await tore(['verify', STREAM], forged);
    expect(refused.code).toBe(EXIT.invalid);
    expect(refused.notes).toContain('/sessions/0/turns/');
    const unsigned = Buffer.from(
      JSON.stringify({ ...parse(example('agreement.tore2-agreement.json')), signatures: [] }),
    );
    const withUnsigned = { ...project, attachments: [{ ...attachment, ...inline(unsigned) }] };
    expect((await tore(['verify', STREAM], JSON.stringify(withUnsigned))).code).toBe(EXIT.invalid);
    expect((await tore(['verify', STREAM], JSON.stringify({ ...project, sessions: [] }))).code).toBe(EXIT.usage);
  });

  it('says that a conversation carries no signature', async () => {
    expect(await tore(['verify', example('conversation.tore5.json')])).toMatchObject({ code: EXIT.usage });
  });
});

describe('tore split and merge', () => {
  it('takes a project apart and puts it together again', async () => {
    const conversation = parse(example('conversation.tore5.json'));
    const project = { ...parse(example('project.tore4.json')), sessions: [], conversations: [conversation] };
    const file = join(folder, 'project.tore4.json');
    writeFileSync(file, JSON.stringify(project));
    const split = await tore(['split', file, '--out', join(folder, 'parts')]);
    expect(split.code).toBe(EXIT.ok);
    const [part = ''] = split.out.trim().split('\n');
    expect(parse(part)).toEqual(conversation);
    const merged = await tore(['merge', part, part, '--name', 'Again']);
    expect(merged.code).toBe(EXIT.ok);
    expect(JSON.parse(merged.out)).toMatchObject({
      name: 'Again',
      tore_spec: 'tore-0004',
      conversations: [conversation],
    });
    const onto = await tore(['merge', file, part]);
    expect({ ...(JSON.parse(onto.out) as object), updated_at: project }).toEqual({ ...project, updated_at: project });
  });

  it('pipes conversations as lines', async () => {
    const lines = await tore(['split', example('project.tore4.json')]);
    expect(lines.out.trim().split('\n')).toHaveLength(1);
    expect(lines.notes).toContain('"how-much-water.tore5.json"');
    const other = { ...(JSON.parse(lines.out) as object), id: 'other' };
    const merged = await tore(['merge', STREAM], `${lines.out}${JSON.stringify(other)}\n`);
    expect(JSON.parse(merged.out)).toMatchObject({ conversations: [{ title: 'Seeds' }, { id: 'other' }] });
  });

  it('merges no lines that are not UTF-8', async () => {
    const { out } = await tore(['split', example('project.tore4.json')]);
    const file = join(folder, 'lines.jsonl');
    const other = JSON.stringify({ ...(JSON.parse(out) as object), id: 'other', title: '?' });
    writeFileSync(
      file,
      Buffer.from(`${out}${other}\n`).map((byte) => (byte === 0x3f ? 0xff : byte)),
    );
    expect(await tore(['merge', file])).toMatchObject({ code: EXIT.invalid, out: '' });
  });

  it('gives a conversation the attachments of the project it points to', async () => {
    const project = parse(example('project.tore4.json'));
    const [attachment] = project['attachments'] as { id: string }[];
    const [conversation] = project['conversations'] as { messages: { content: object[] }[] }[];
    conversation?.messages[0]?.content.push({
      type: 'tool_result',
      content: [{ type: 'image', attachment_id: attachment?.id }],
    });
    const { out } = await tore(['split', STREAM], JSON.stringify(project));
    expect(JSON.parse(out)).toMatchObject({ attachments: [attachment] });
  });

  it('does not guess between two versions of one conversation', async () => {
    const conversation = parse(example('conversation.tore5.json'));
    const other = join(folder, 'other.tore5.json');
    writeFileSync(other, JSON.stringify({ ...conversation, title: 'Changed' }));
    const merged = await tore(['merge', example('conversation.tore5.json'), other]);
    expect(merged).toMatchObject({ code: EXIT.invalid, out: '' });
    expect(merged.notes).toContain('two different versions');
  });

  it('keeps titles from naming files elsewhere', async () => {
    const conversation = {
      ...parse(example('conversation.tore5.json')),
      id: '../../x',
      title: '../../etc/passwd\u0000',
    };
    const project = { ...parse(example('project.tore4.json')), conversations: [conversation] };
    const { out } = await tore(['split', STREAM, '--out', join(folder, 'parts')], JSON.stringify(project));
    expect(out.trim()).toBe(join(folder, 'parts', 'etc-passwd.x.tore5.json'));
  });
});

describe('tore convert', () => {
  it('writes the shown branch as Markdown, and reads Markdown back', async () => {
    const { code, out } = await tore(['convert', example('conversation.tore5.json'), '--to', 'markdown']);
    expect(code).toBe(EXIT.ok);
    expect(out).toMatch(/^# How much water does the greenhouse need\?\n\n## System\n\nAnswer briefly\.\n/);
    expect(out).toContain('## Assistant (tore-tiny)\n\nAbout **40 litres** a day');
    expect(out).toContain('```python\nprint((41 + 38) / 2)\n```');
    expect(out).not.toContain('Between 38 and 41');
    const back = await tore(['convert', STREAM, '--from', 'markdown', '--to', 'tore'], out);
    expect(JSON.parse(back.out)).toMatchObject({
      tore_spec: 'tore-0005',
      title: 'How much water does the greenhouse need?',
    });
    expect(await tore(['validate', STREAM], back.out)).toMatchObject({ code: EXIT.ok });
  });

  it('keeps code that holds fences inside its own', async () => {
    const code = 'a\n````\nb';
    const conversation = parse(example('project.tore4.json'))['conversations'] as { messages: object[] }[];
    const document = {
      ...conversation[0],
      messages: [{ ...conversation[0]?.messages[0], content: [{ type: 'code', code }] }],
    };
    const { out } = await tore(['convert', STREAM, '--to', 'markdown'], JSON.stringify(document));
    expect(out).toContain(`\`\`\`\`\`\n${code}\n\`\`\`\`\``);
  });

  it('writes lines for fine-tuning with tools, and reads them back', async () => {
    const { out } = await tore(['convert', example('conversation.tore5.json'), '--to', 'jsonl']);
    const line = JSON.parse(out) as { messages: object[] };
    expect(line.messages).toMatchObject([
      { role: 'system', content: 'Answer briefly.' },
      { role: 'user', content: 'How much water does the greenhouse need a day?' },
      {
        role: 'assistant',
        tool_calls: [{ id: 'call-1', function: { name: 'table.average', arguments: '{"column":"litres"}' } }],
      },
      { role: 'tool', tool_call_id: 'call-1', content: '{"average":39.5}' },
      { role: 'assistant' },
    ]);
    const back = await tore(
      ['convert', STREAM, '--from', 'jsonl', '--to', 'tore'],
      out + out.replace('briefly', 'at length'),
    );
    expect(back.out.trim().split('\n')).toHaveLength(2);
    expect(await tore(['merge', STREAM], back.out)).toMatchObject({ code: EXIT.ok });
  });

  it('asks for a form it knows', async () => {
    expect(await tore(['convert', example('project.tore4.json')])).toMatchObject({ code: EXIT.usage });
    expect(await tore(['convert', example('project.tore4.json'), '--to', 'pdf'])).toMatchObject({ code: EXIT.usage });
    expect(await tore(['convert', example('session.tore3.json'), '--to', 'jsonl'])).toMatchObject({
      code: EXIT.invalid,
    });
  });
});
