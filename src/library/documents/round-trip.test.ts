import canonicalize from 'canonicalize';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readDocument } from '../../protocol/documents/read-document';
import { writeDocument } from '../../protocol/documents/write-document';
import { canonicalJson, comparableJson } from '../../protocol/signing/canonical-json';
import { verifyAttachments } from './attachments';
import { signedDocument, unsignedDocument } from './testdata/arbitrary-documents';

function roundTrip(text: string): string {
  const read = readDocument(Buffer.from(text, 'utf8'));
  if (!read.ok) throw new Error(JSON.stringify(read.error));
  expect(verifyAttachments(read.value)).toEqual([]);
  const written = writeDocument(read.value.document);
  if (!written.ok) throw new Error(written.error.message);
  return written.value;
}

describe('export(import(x))', () => {
  it('means the same as x for generated conversations, sessions and projects', () => {
    fc.assert(
      fc.property(unsignedDocument, (document) => {
        const text = JSON.stringify(document);
        const written = roundTrip(text);
        // Compared through the platform's own equality, and through canonical JSON.
        expect(JSON.parse(written)).toEqual(JSON.parse(text));
        expect(comparableJson(JSON.parse(written))).toBe(comparableJson(document));
        expect(roundTrip(written)).toBe(written);
      }),
      { numRuns: 300 },
    );
  });

  it('means the same as x for generated signed documents', () => {
    fc.assert(
      fc.property(signedDocument, ({ document }) => {
        expect(canonicalize(JSON.parse(roundTrip(JSON.stringify(document))))).toBe(canonicalize(document));
      }),
      { numRuns: 100 },
    );
  });
});

describe('comparableJson', () => {
  it('is RFC 8785 where that has a form', () => {
    fc.assert(
      fc.property(fc.jsonValue({ stringUnit: 'binary' }), (value) => {
        expect(comparableJson(value)).toBe(canonicalize(value));
        expect(canonicalJson(value)).toEqual({ ok: true, value: canonicalize(value) });
      }),
    );
  });

  it('tells half characters from everything else, and signing refuses them', () => {
    const values = ['\ud800', '\\ud800', '\ufffd', '\ud801', '\ud800\udc00'];
    expect(new Set(values.map(comparableJson)).size).toBe(values.length);
    expect(canonicalJson({ a: ['\ud800'] })).toMatchObject({ ok: false, error: { code: 'not-canonical' } });
    expect(canonicalJson({ '\udc00': 1 })).toMatchObject({ ok: false, error: { code: 'not-canonical' } });
  });

  it('has no form for a number beyond a double, nor for what is nested without end', () => {
    for (const text of ['{"a":1e400}', `${'['.repeat(100_000)}${']'.repeat(100_000)}`]) {
      expect(canonicalJson(JSON.parse(text))).toMatchObject({ ok: false, error: { code: 'not-canonical' } });
    }
  });
});
