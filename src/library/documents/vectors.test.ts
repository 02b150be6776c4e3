import { Ajv2020 } from 'ajv/dist/2020';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { PUBLISHED_SCHEMAS, schemaDocument } from '../../protocol/documents/published-schemas';
import {
  DOCUMENT_KINDS,
  readDocument,
  validateDocument,
  type DocumentKind,
  type ToreDocument,
} from '../../protocol/documents/read-document';
import { writeDocument } from '../../protocol/documents/write-document';
import { comparableJson } from '../../protocol/signing/canonical-json';
import { verifyAgreement, verifyDiscoveryRecord, verifySession } from '../../protocol/signing/verify-document';
import { verifyAttachments } from './attachments';
import { nodeEd25519 } from '../../keys/ed25519';

/* Everything under schemas/ is read from its files, as another implementation would. */

const schemas = fileURLToPath(new URL('../../../schemas/', import.meta.url));
const readText = (path: string): string => readFileSync(schemas + path, 'utf8');

const validators = new Map(
  PUBLISHED_SCHEMAS.map(({ kind, fileName }) => {
    const ajv = new Ajv2020({ strict: true, allowUnionTypes: false });
    return [kind, ajv.compile(JSON.parse(readText(fileName)) as object)];
  }),
);

function fitsPublishedSchema(kind: DocumentKind, value: unknown): boolean {
  const validator = validators.get(kind);
  if (validator === undefined) throw new Error(`no schema for ${kind}`);
  return validator(value);
}

const kinds = Object.keys(DOCUMENT_KINDS) as DocumentKind[];

function filesOf(folder: string): { kind: DocumentKind; path: string }[] {
  return kinds.flatMap((kind) =>
    readdirSync(`${schemas}vectors/${folder}/${kind}`).map((name) => ({
      kind,
      path: `vectors/${folder}/${kind}/${name}`,
    })),
  );
}

function verify(read: ToreDocument) {
  if (read.kind === 'discovery') return verifyDiscoveryRecord(read.document, nodeEd25519);
  if (read.kind === 'agreement') return verifyAgreement(read.document, nodeEd25519);
  if (read.kind === 'session') return verifySession(read.document, nodeEd25519);
  return null;
}

const examples = readdirSync(`${schemas}examples`).map((name) => {
  const kind = kinds.find((known) => DOCUMENT_KINDS[known].endings.some((ending) => name === `${known}${ending}`));
  if (kind === undefined) throw new Error(`${name} is not named after its kind`);
  return { kind, path: `examples/${name}` };
});

describe('published schemas', () => {
  it.each(PUBLISHED_SCHEMAS)('$fileName is current', (published) => {
    expect(JSON.parse(readText(published.fileName))).toEqual(JSON.parse(JSON.stringify(schemaDocument(published))));
  });

  it('has an example of every kind', () => {
    expect(examples.map(({ kind }) => kind).sort()).toEqual([...kinds].sort());
  });
});

describe('valid documents', () => {
  it.each([...examples, ...filesOf('valid')])('$path', ({ kind, path }) => {
    const text = readText(path);
    expect(fitsPublishedSchema(kind, JSON.parse(text))).toBe(true);
    const read = readDocument(text);
    if (!read.ok) throw new Error(JSON.stringify(read.error));
    expect(read.value.kind).toBe(kind);
    expect(verifyAttachments(read.value)).toEqual([]);
    expect(verify(read.value)?.ok ?? true).toBe(true);
    const written = writeDocument(read.value.document);
    if (!written.ok) throw new Error(written.error.message);
    expect(comparableJson(JSON.parse(written.value))).toBe(comparableJson(JSON.parse(text)));
    const again = readDocument(Buffer.from(written.value, 'utf8'));
    if (!again.ok) throw new Error(again.error.message);
    expect(writeDocument(again.value.document)).toEqual(written);
  });
});

interface InvalidVector {
  readonly reason: string;
  readonly found_by: 'schema' | 'check' | 'checksum';
  readonly pointer: string;
  readonly document: unknown;
}

describe('invalid documents', () => {
  it.each(filesOf('invalid'))('$path', ({ kind, path }) => {
    const vector = JSON.parse(readText(path)) as InvalidVector;
    expect(fitsPublishedSchema(kind, vector.document)).toBe(vector.found_by !== 'schema');
    const validated = validateDocument(vector.document);
    if (vector.found_by === 'checksum') {
      if (!validated.ok) throw new Error(validated.error.message);
      expect(verifyAttachments(validated.value).map(({ pointer }) => pointer)).toContain(vector.pointer);
      return;
    }
    if (validated.ok) throw new Error('accepted');
    if (validated.error.code === 'unknown-spec') {
      expect(vector.pointer).toBe('/tore_spec');
      return;
    }
    expect(validated.error.code).toBe('invalid');
    expect(validated.error.problems.map(({ pointer }) => pointer)).toContain(vector.pointer);
    for (const { message } of validated.error.problems) expect(message).toMatch(/^[A-Z0-9"].*\.$/s);
  });
});

describe('documents with a wrong signature', () => {
  const folders: DocumentKind[] = ['session', 'discovery', 'agreement'];
  const files = folders.flatMap((kind) =>
    readdirSync(`${schemas}vectors/unverified/${kind}`).map((name) => ({
      kind,
      path: `vectors/unverified/${kind}/${name}`,
    })),
  );
  it.each(files)('$path', ({ kind, path }) => {
    const vector = JSON.parse(readText(path)) as { pointer: string; document: unknown };
    expect(fitsPublishedSchema(kind, vector.document)).toBe(true);
    const read = validateDocument(vector.document);
    if (!read.ok) throw new Error(JSON.stringify(read.error));
    const verified = verify(read.value);
    if (verified === null || verified.ok) throw new Error('verified');
    expect(verified.error.code).toMatch(/^signature-/);
    expect(verified.error.problems.map(({ pointer }) => pointer)).toContain(vector.pointer);
  });
});

describe('files that cannot be read', () => {
  it.each(readdirSync(`${schemas}vectors/unreadable`))('%s', (name) => {
    const vector = JSON.parse(readText(`vectors/unreadable/${name}`)) as {
      code: string;
      byte_offset: number | null;
      bytes_base64: string;
    };
    const read = readDocument(Buffer.from(vector.bytes_base64, 'base64'));
    if (read.ok) throw new Error('accepted');
    expect(read.error.code).toBe(vector.code);
    expect(read.error.byteOffset ?? null).toBe(vector.byte_offset);
  });
});
