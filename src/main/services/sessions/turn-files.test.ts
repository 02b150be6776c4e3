import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ContentPart } from '../../../protocol/conversation/content';
import type { Turn } from '../../../protocol/session/session';
import {
  attachmentsOf,
  fileOfTurn,
  fileParts,
  filesOfSession,
  mediaTypeOf,
  plainFileName,
  withoutFileBytes,
} from './turn-files';

const PNG = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 1, 2, 3]);

function turnWith(content: readonly ContentPart[], seq = 1): Turn {
  return {
    id: `t${seq}`,
    seq,
    participant_id: 'p',
    author: 'human',
    created_at: '2026-01-01T00:00:00Z',
    content: [...content],
  };
}

function posted(files: Parameters<typeof fileParts>[0]): ContentPart[] {
  const parts = fileParts(files, []);
  if (!parts.ok) throw new Error(parts.error.message);
  return parts.value;
}

describe('files in turns', () => {
  it('come back byte for byte, whatever they hold', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 2_000 }), (bytes) => {
        const turn = turnWith(posted([{ name: 'data.bin', base64: Buffer.from(bytes).toString('base64') }]));
        const file = fileOfTurn(turn, 0);
        expect(file.ok && Buffer.compare(file.value.bytes, Buffer.from(bytes))).toBe(0);
      }),
      { numRuns: 50 },
    );
    const text = turnWith(posted([{ name: 'a.csv', mediaType: 'text/csv', text: 'µ,1\n' }]));
    expect(fileOfTurn(text, 0)).toMatchObject({ ok: true, value: { name: 'a.csv', bytes: Buffer.from('µ,1\n') } });
  });

  it('are of the type they are, not of the one that is claimed', () => {
    const [part] = posted([{ name: 'letter.pdf', base64: PNG.toString('base64') }]);
    expect(part).toMatchObject({ media_type: 'image/png', size_bytes: PNG.length });
    const claimed = { ...part, media_type: 'application/pdf' } as ContentPart;
    expect(filesOfSession([turnWith([claimed])])[0]).toMatchObject({ mediaType: 'image/png' });
    expect(mediaTypeOf(Buffer.from('#!/bin/sh'))).toBe('application/octet-stream');
  });

  it('are not saved when they are not what their author signed', () => {
    const [part] = posted([{ name: 'a.png', base64: PNG.toString('base64') }]);
    const changed = Object.assign({}, part, { data: Buffer.from('other').toString('base64') });
    expect(fileOfTurn(turnWith([changed]), 0)).toMatchObject({ ok: false, error: { code: 'checksum-mismatch' } });
    const bare = { type: 'file', name: 'a.png', size_bytes: 3 } as ContentPart;
    expect(fileOfTurn(turnWith([bare]), 0)).toMatchObject({ ok: false, error: { code: 'file-invalid' } });
    expect(fileOfTurn(turnWith([{ type: 'text', text: 'x' }]), 0)).toMatchObject({ ok: false });
    expect(fileOfTurn(undefined, 0)).toMatchObject({ ok: false });
  });

  it('keep within the limits of a file and of a turn', () => {
    const large = { name: 'x', base64: Buffer.alloc(600_000).toString('base64') };
    expect(fileParts([large], [])).toMatchObject({ ok: false, error: { message: expect.stringContaining('512 KiB') } });
    const half = { name: 'x', base64: Buffer.alloc(500_000).toString('base64') };
    expect(fileParts([half], []).ok).toBe(true);
    expect(fileParts([half, half], [])).toMatchObject({
      ok: false,
      error: { message: expect.stringContaining('1 MiB') },
    });
    expect(fileParts([{ name: 'x', base64: '' }], [])).toMatchObject({ ok: false });
  });

  it.each([
    ['../../etc/passwd', 'passwd'],
    ['C:\\Windows\\run.exe', 'run.exe'],
    ['.bashrc', 'bashrc'],
    ['invoice\u202Efdp.exe', 'invoicefdp.exe'],
    ['a\0b', 'ab'],
    ['...', 'file'],
  ])('are proposed under a plain name: %s', (name, plain) => {
    expect(plainFileName(name)).toBe(plain);
  });

  it('reach the window without their bytes, and a project under their ids', () => {
    const turns = [
      turnWith([{ type: 'text', text: 'See.' }, ...posted([{ name: 'a.png', base64: PNG.toString('base64') }])]),
      turnWith(posted([{ name: 'b.txt', mediaType: '', text: 'b' }]), 2),
    ];
    expect(JSON.stringify(withoutFileBytes(turns))).not.toContain(PNG.toString('base64'));
    expect(JSON.stringify(turns)).toContain(PNG.toString('base64'));
    expect(filesOfSession(turns).map(({ seq, part, name }) => [seq, part, name])).toEqual([
      [2, 0, 'b.txt'],
      [1, 1, 'a.png'],
    ]);
    const [attachment, ...others] = attachmentsOf(turns);
    expect(others).toEqual([]);
    expect(attachment).toMatchObject({ name: 'a.png', media_type: 'image/png', storage: 'inline' });
    expect(turns[0]?.content[1]).toMatchObject({ attachment_id: attachment?.id });
  });

  it('are not replaced in a project by what somebody posts later under the same id', () => {
    const [first] = posted([{ name: 'a.png', base64: PNG.toString('base64') }]);
    const [other] = posted([{ name: 'b.png', base64: Buffer.concat([PNG, PNG]).toString('base64') }]);
    const later = Object.assign({}, other, { attachment_id: (first as { attachment_id?: string }).attachment_id });
    const turns = [turnWith(first === undefined ? [] : [first]), turnWith([later as ContentPart], 2)];
    expect(attachmentsOf(turns)).toMatchObject([{ name: 'a.png', size_bytes: PNG.length }]);
  });
});
