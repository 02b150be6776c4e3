import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { Attachment } from '../../protocol/documents/attachment';
import { readDocument } from '../../protocol/documents/read-document';
import type { Project } from '../../protocol/project/project';
import { verifyAttachments } from '../documents/attachments';
import { writeDocument } from '../../protocol/documents/write-document';
import { writeDocumentStream } from './write-document-stream';

const CONTENT_BYTES = 3_000;
const TEXT_LENGTH = 10_000;

function content(id: string): Buffer {
  return Buffer.alloc(CONTENT_BYTES, id);
}

const attachments = ['a', 'b', 'c'].map((id): Attachment => {
  const value = createHash('sha256').update(content(id)).digest('hex');
  return {
    id,
    name: `${id}.txt`,
    media_type: 'text/plain',
    size_bytes: CONTENT_BYTES,
    checksum: { algorithm: 'sha-256', value },
    storage: 'inline',
    data: '',
  };
});

const files = {
  async *read(sha256: string): AsyncGenerator<Uint8Array> {
    const found = attachments.find(({ checksum }) => checksum.value === sha256);
    yield content(found?.id ?? '');
  },
};

const project: Project = {
  tore_spec: 'tore-0004',
  id: 'p',
  name: 'P',
  // Three bytes each in UTF-8.
  instructions: '語'.repeat(TEXT_LENGTH),
  conversations: [],
  attachments,
  created_at: '2026-01-01T00:00:00Z',
  updated_at: '2026-01-01T00:00:00Z',
};

async function written(maxBytes?: number): Promise<{ readonly bytes: Buffer; readonly leftOut: readonly string[] }> {
  const { chunks, leftOut } = writeDocumentStream(project, files, maxBytes);
  const parts: Buffer[] = [];
  for await (const chunk of chunks) parts.push(chunk);
  return { bytes: Buffer.concat(parts), leftOut };
}

describe('a document of the library as a file', () => {
  it('holds every content that fits', async () => {
    const whole = await written();
    expect(whole.leftOut).toEqual([]);
    expect((await written(whole.bytes.length)).leftOut).toEqual([]);
  });

  it('stays within its limit however large its text is, and names what was left out', async () => {
    const { bytes: whole } = await written();
    for (const [fewerBytes, leftOut] of [
      [1, ['c.txt']],
      [4_100, ['b.txt', 'c.txt']],
      [8_100, ['a.txt', 'b.txt', 'c.txt']],
    ] as const) {
      const made = await written(whole.length - fewerBytes);
      expect([made.leftOut, made.bytes.length <= whole.length - fewerBytes]).toEqual([leftOut, true]);
      const read = readDocument(made.bytes);
      if (!read.ok) throw new Error(read.error.message);
      expect(verifyAttachments(read.value)).toEqual([]);
    }
  });

  it('is written without indentation when that alone makes it too large', async () => {
    let nested: unknown = Array.from({ length: 1_000 }, () => 1);
    for (let depth = 0; depth < 100; depth += 1) nested = [nested];
    const deep: Project = { ...project, instructions: '', attachments: [], metadata: { nested } };
    const parts: Buffer[] = [];
    for await (const chunk of writeDocumentStream(deep, files, 10_000).chunks) parts.push(chunk);
    expect(Buffer.concat(parts).length).toBeLessThanOrEqual(10_000);
    expect(readDocument(Buffer.concat(parts))).toEqual({ ok: true, value: { kind: 'project', document: deep } });
  });

  it.each([
    ['as deep as readers take', 198, true],
    ['deeper than readers take', 199, false],
  ])('is refused exactly when it could not be opened again: %s', (_name, depth, isWritten) => {
    let nested: unknown = [];
    for (let level = 1; level < depth; level += 1) nested = [nested];
    const deep: Project = { ...project, attachments: [], metadata: { nested } };
    const written = writeDocument(deep);
    expect([written.ok, readDocument(JSON.stringify(deep)).ok]).toEqual([isWritten, isWritten]);
  });

  it('is refused when its text alone is too large', () => {
    expect(() => writeDocumentStream(project, files, 3 * TEXT_LENGTH)).toThrow(
      expect.objectContaining({ failure: expect.objectContaining({ code: 'too-large' }) as unknown }),
    );
  });
});
