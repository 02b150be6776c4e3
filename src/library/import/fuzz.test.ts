import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc, { type Arbitrary } from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { validateConversation } from '../../protocol/conversation/check-conversation';
import { LibraryError } from '../store/errors';
import { importCollection, importFile } from './import-file';
import type { ImportReport } from './import-report';
import { activityPage, aiStudio, claudeProject, fullChatGpt, fullClaude, geminiActivity } from './testdata/exports';
import { JAN_THREAD, janMessages, libreChat, lmStudio, openWebUi } from './testdata/local-exports';
import { collectionOf, MemorySink } from './testdata/reading';
import { zipBytes } from './testdata/zip-bytes';

/** Inputs of each property; a longer run sets it: `TORE_FUZZ_RUNS=200000 npx vitest run src/library/import/fuzz`. */
const RUNS = Number(process.env['TORE_FUZZ_RUNS'] ?? 600);
/** Minutes for long runs; a hang still ends. */
const TIMEOUT_MS = Math.max(60_000, RUNS * 50);

const RECORDS: readonly unknown[] = [
  fullChatGpt(),
  fullClaude(),
  claudeProject(),
  geminiActivity('Prompted a', '<p>b <b>c</b></p>'),
  aiStudio(),
  openWebUi(),
  libreChat(),
  lmStudio(),
  JAN_THREAD,
  ...janMessages(),
  { messages: [{ role: 'user', content: 'a' }] },
];
const PAGE = activityPage([
  { body: 'Prompted&nbsp;a<br><a href="x.png">x</a><br>Mar 4, 2025, 5:06:07 AM UTC<br><p>b</p>' },
]);
const FILES: readonly string[] = [
  ...RECORDS.map((record) => JSON.stringify([record, record])),
  ...RECORDS.map((record) => JSON.stringify(record)),
  `${JSON.stringify(janMessages()[0])}\n${JSON.stringify(janMessages()[1])}`,
  PAGE,
  '# T\n\n## User\n\n```\ncode\n```\n\n**Assistant:** hi',
];

function checkReport(report: ImportReport, sink: MemorySink): void {
  expect(report.found).toBe(
    report.imported + report.updated + report.alreadyThere + report.skippedCount + report.failedCount,
  );
  for (const { attachments: _attachments, ...conversation } of sink.conversations) {
    const checked = validateConversation(conversation);
    expect(checked.ok ? [] : checked.error.problems).toEqual([]);
  }
}

async function importBytes(content: Buffer | string, pieceBytes: number): Promise<'taken' | 'refused'> {
  const sink = new MemorySink();
  try {
    checkReport(await importCollection(collectionOf({ 'x.json': content }, 'file', pieceBytes), sink, {}), sink);
    return 'taken';
  } catch (thrown) {
    // A refusal with a reason; anything else is a bug.
    if (!(thrown instanceof LibraryError)) throw thrown;
    expect(thrown.failure.message).not.toBe('');
    return 'refused';
  }
}

/** Each value inside a JSON value, by its path, outer ones first. */
function pathsOf(value: unknown, path: readonly (string | number)[] = []): (readonly (string | number)[])[] {
  if (typeof value !== 'object' || value === null) return [path];
  return [path, ...Object.entries(value).flatMap(([name, inner]) => pathsOf(inner, [...path, name]))];
}

function withValueAt(root: unknown, path: readonly (string | number)[], value: unknown): unknown {
  if (path.length === 0) return value;
  const copy = structuredClone(root);
  let at = copy as Record<string | number, unknown>;
  for (const step of path.slice(0, -1)) at = at[step] as Record<string | number, unknown>;
  const last = path.at(-1);
  if (last !== undefined) at[last] = value;
  return copy;
}

const odd: Arbitrary<unknown> = fc.oneof(
  fc.jsonValue({ maxDepth: 3 }),
  fc.constantFrom<unknown>(null, '', 0, -1, 1e308, 9_007_199_254_740_992, [], {}, [null], [[]], { '': null }, true),
  fc.string({ unit: 'binary', maxLength: 30 }),
  fc.constantFrom<unknown>(
    '\ud800',
    '__proto__',
    'x'.repeat(25_000),
    '\uE200cite\uE202x\uE201',
    'data:image/png;base64,AAAA',
    'data:,%zz',
  ),
  fc.constantFrom(...RECORDS),
);

const mutatedRecord: Arbitrary<unknown> = fc
  .tuple(fc.constantFrom(...RECORDS), fc.array(fc.tuple(fc.nat(), odd), { minLength: 1, maxLength: 3 }))
  .map(([record, changes]) => {
    let changed: unknown = record;
    for (const [position, value] of changes) {
      const paths = pathsOf(changed);
      changed = withValueAt(changed, paths[position % paths.length] ?? [], value);
    }
    return changed;
  });

const SCRAPS = [
  '"',
  '\\',
  '{',
  '}',
  '[',
  ']',
  ',',
  ':',
  '\\ud800',
  '1e999',
  'null',
  '"id":',
  '<div class="outer-cell',
  '</div>',
  '\n',
  '\u0000',
  '[[[[',
];

const mutatedBytes: Arbitrary<Buffer> = fc
  .tuple(
    fc.constantFrom(...FILES),
    fc.array(
      fc.tuple(
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.oneof(fc.nat(255), fc.constantFrom(...SCRAPS)),
        fc.nat(20),
      ),
      { minLength: 1, maxLength: 6 },
    ),
  )
  .map(([file, edits]) => {
    let bytes = Buffer.from(file);
    for (const [place, inserted, removed] of edits) {
      const at = Math.floor(place * bytes.length);
      const piece = typeof inserted === 'number' ? Buffer.from([inserted]) : Buffer.from(inserted);
      bytes = Buffer.concat([bytes.subarray(0, at), piece, bytes.subarray(at + removed)]);
    }
    return bytes;
  });

const ANSWERED = /^(?:taken|refused)$/;

describe('importing anything', () => {
  it('takes or refuses records with odd values in any place', { timeout: TIMEOUT_MS }, async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(mutatedRecord, { minLength: 1, maxLength: 3 }),
        fc.integer({ min: 16, max: 4_096 }),
        async (records, pieceBytes) => {
          expect(await importBytes(JSON.stringify(records), pieceBytes)).toMatch(ANSWERED);
          expect(await importBytes(JSON.stringify(records[0]), pieceBytes)).toMatch(ANSWERED);
        },
      ),
      { numRuns: RUNS },
    );
  });

  it('takes or refuses files with bytes changed', { timeout: TIMEOUT_MS }, async () => {
    await fc.assert(
      fc.asyncProperty(mutatedBytes, fc.integer({ min: 16, max: 4_096 }), async (bytes, pieceBytes) => {
        expect(await importBytes(bytes, pieceBytes)).toMatch(ANSWERED);
      }),
      {
        numRuns: RUNS,
      },
    );
  });
});

describe('importing any archive', () => {
  let folder = '';
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'tore-fuzz-'));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it('takes or refuses archives with bytes changed', { timeout: TIMEOUT_MS }, async () => {
    const whole = zipBytes([
      { name: 'conversations.json', content: JSON.stringify([fullChatGpt()]) },
      { name: 'file-AbC123xyz-beach.png', content: 'png' },
      { name: 'chat.html', content: '<html>' },
    ]);
    const path = join(folder, 'x.zip');
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { minLength: 1, maxLength: 5 }),
        async (edits) => {
          const bytes = Buffer.from(whole);
          for (const [at, byte] of edits) bytes[at] = byte;
          await writeFile(path, bytes);
          const sink = new MemorySink();
          const result = await importFile(path, sink);
          if (result.ok) checkReport(result.value, sink);
          else expect(result.error.message).not.toBe('');
        },
      ),
      { numRuns: Math.ceil(RUNS / 3) },
    );
  });
});
