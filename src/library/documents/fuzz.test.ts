import { Ajv2020 } from 'ajv/dist/2020';
import fc, { type Arbitrary } from 'fast-check';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { PUBLISHED_SCHEMAS, schemaDocument } from '../../protocol/documents/published-schemas';
import { readDocument, validateDocument } from '../../protocol/documents/read-document';
import { writeDocument } from '../../protocol/documents/write-document';
import { comparableJson } from '../../protocol/signing/canonical-json';
import { verifyAttachments } from './attachments';

/** Inputs of each property; a longer run sets it: `TORE_FUZZ_RUNS=1000000 npx vitest run src/library/documents/fuzz`. */
const RUNS = Number(process.env['TORE_FUZZ_RUNS'] ?? 2_000);
/** Runs in seconds to minutes for millions of inputs; a hang still ends. */
const TIMEOUT_MS = Math.max(60_000, RUNS * 5);

const examplesFolder = fileURLToPath(new URL('../../../schemas/examples/', import.meta.url));
const examples = readdirSync(examplesFolder).map((name) => readFileSync(examplesFolder + name));

type Edit = (bytes: Buffer) => Buffer;

const place = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
const SCRAPS = [
  '"',
  '\\',
  '{',
  '}',
  '[',
  ']',
  ',',
  ':',
  '\\u',
  '\\ud800',
  '\ud83d\ude00',
  '-',
  '1e999',
  '9007199254740993',
  'null',
  '"__proto__":',
  '"tore_spec":',
  '"type":',
  '[[[[[[[[',
  '{"a":{"a":',
  '\u0000',
  '\ufeff',
  '  ',
  '9'.repeat(400),
];
const scraps = fc.constantFrom(...SCRAPS);

const edit: Arbitrary<Edit> = fc.oneof(
  fc.tuple(place, fc.nat(255)).map(([at, byte]): Edit => (bytes) => {
    const copy = Buffer.from(bytes);
    if (copy.length > 0) copy[Math.floor(at * copy.length)] = byte;
    return copy;
  }),
  fc.tuple(place, place).map(([from, length]): Edit => (bytes) => {
    const start = Math.floor(from * bytes.length);
    return Buffer.concat([bytes.subarray(0, start), bytes.subarray(start + Math.floor(length * 40))]);
  }),
  fc.tuple(place, scraps).map(([at, scrap]): Edit => (bytes) => {
    const start = Math.floor(at * bytes.length);
    return Buffer.concat([bytes.subarray(0, start), Buffer.from(scrap, 'utf8'), bytes.subarray(start)]);
  }),
  fc.tuple(place, place, place).map(([from, to, length]): Edit => (bytes) => {
    const piece = bytes.subarray(Math.floor(from * bytes.length)).subarray(0, Math.floor(length * 200));
    const start = Math.floor(to * bytes.length);
    return Buffer.concat([bytes.subarray(0, start), piece, bytes.subarray(start)]);
  }),
  place.map(
    (at): Edit =>
      (bytes) =>
        bytes.subarray(0, Math.floor(at * bytes.length)),
  ),
);

describe('reading damaged bytes', () => {
  it(
    'never throws, and what it accepts it keeps',
    () => {
      let accepted = 0;
      fc.assert(
        fc.property(fc.constantFrom(...examples), fc.array(edit, { minLength: 1, maxLength: 4 }), (example, edits) => {
          let bytes: Buffer = example;
          for (const apply of edits) bytes = apply(bytes);
          const read = readDocument(bytes);
          if (!read.ok) {
            if (read.error.message === '' || read.error.problems.length > 20) throw new Error('no explanation');
            return;
          }
          accepted += 1;
          verifyAttachments(read.value);
          const written = writeDocument(read.value.document);
          if (!written.ok) throw new Error(written.error.message);
          const again = readDocument(written.value);
          if (!again.ok) throw new Error(again.error.message);
          if (comparableJson(again.value.document) !== comparableJson(read.value.document)) throw new Error('changed');
        }),
        { numRuns: RUNS },
      );
      expect(accepted).toBeGreaterThan(0);
    },
    TIMEOUT_MS,
  );
});

const parsedExamples = examples.map((bytes) => JSON.parse(bytes.toString('utf8')) as object);
const STRANGE_VALUES: unknown[] = [
  null,
  true,
  0,
  -1,
  1.5,
  1e300,
  '',
  'x',
  'tore-0004',
  '2026-02-30T00:00:00Z',
  'a'.repeat(20_000),
  [],
  {},
  [null],
  [[]],
  [{}],
  { type: 'text' },
  { type: 7 },
  { id: 'x' },
  { tore_spec: 'tore-0005' },
  { storage: 'inline' },
];
const strangeValue = fc.constantFrom(...STRANGE_VALUES);

/** Replaces, removes or adds one value somewhere in a copy of a document. */
function disturb(document: object, at: number, value: unknown, how: 'replace' | 'remove' | 'add'): unknown {
  const copy: unknown = structuredClone(document);
  const containers: Record<string, unknown>[] = [];
  const waiting: unknown[] = [copy];
  while (waiting.length > 0) {
    const next = waiting.pop();
    if (typeof next !== 'object' || next === null) continue;
    containers.push(next as Record<string, unknown>);
    waiting.push(...Object.values(next));
  }
  const container = containers[Math.floor(at * containers.length)] ?? {};
  const names = Object.keys(container);
  const name = names[Math.floor(((at * containers.length) % 1) * names.length)] ?? 'x';
  if (how === 'replace') container[name] = value;
  else if (how === 'add') container[Array.isArray(container) ? String(names.length) : 'x-added'] = value;
  else if (Array.isArray(container)) container.splice(Number(name), 1);
  else delete container[name];
  return copy;
}

describe('checking disturbed documents', () => {
  const ajv = new Ajv2020({ strict: true });
  const published = PUBLISHED_SCHEMAS.map((entry) => ajv.compile(schemaDocument(entry)));
  const bySpec = (value: unknown) => {
    const [discovery, agreement, session, project, conversation] = published;
    const { tore_spec: spec, type } = value as { tore_spec?: unknown; type?: unknown };
    if (spec === 'tore-0002') return type === 'discovery' ? discovery : agreement;
    return spec === 'tore-0003' ? session : spec === 'tore-0004' ? project : conversation;
  };

  it(
    'agrees with a stock validator on the schema and explains every refusal',
    () => {
      let checked = 0;
      fc.assert(
        fc.property(
          fc.constantFrom(...parsedExamples),
          place,
          strangeValue,
          fc.constantFrom('replace', 'remove', 'add' as const),
          (example, at, value, how) => {
            checked += 1;
            const document = disturb(example, at, value, how);
            const result = validateDocument(document);
            if (!result.ok && result.error.code !== 'invalid') return;
            const fits = bySpec(document)?.(document) === true;
            if (result.ok && !fits) throw new Error('accepted against the published schema');
            if (result.ok) return;
            if (result.error.problems.length === 0) throw new Error('refused without a reason');
            const general = result.error.problems.some(({ message }) =>
              message.startsWith('This does not fit the schema'),
            );
            if (general) throw new Error('refused with a general sentence only');
          },
        ),
        { numRuns: RUNS },
      );
      expect(checked).toBe(RUNS);
    },
    TIMEOUT_MS,
  );
});
