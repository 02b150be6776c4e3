import {
  exportConversations,
  openLibrary,
  type ExportFormat,
  type ImportReport,
  type Library,
  type LibraryResult,
  type SearchHit,
} from '../../library';
import { Stop, writeResult, type Arguments, type Command } from './command';
import { EXIT, STREAM, type ExitCode, type Terminal } from './terminal';

/** Conversations listed or searched at a time. */
const PAGE_SIZE = 200;
const DEFAULT_RESULTS = 20;
/** A line of progress for every this many conversations: often enough to see it move, rare enough to read. */
const PROGRESS_EVERY = 500;

const FORMATS: readonly ExportFormat[] = ['tore5', 'markdown', 'html', 'jsonl'];

function done<Value>(result: LibraryResult<Value>): Value {
  if (result.ok) return result.value;
  const { message, suggestion } = result.error;
  throw new Stop(EXIT.io, suggestion === undefined ? message : `${message} ${suggestion}`);
}

/** Opens the library that `--library` names for as long as the work takes. */
async function withLibrary(given: Arguments, work: (library: Library) => Promise<ExitCode>): Promise<ExitCode> {
  const folder = given.text('library');
  if (folder === null) throw new Stop(EXIT.usage, 'Say which library: --library FOLDER. An empty folder starts one.');
  const library = done(await openLibrary(folder));
  try {
    return await work(library);
  } finally {
    await library.close();
  }
}

function reportLines(report: ImportReport): string[] {
  const { found, imported, updated, alreadyThere, skippedCount, failedCount } = report;
  return [
    `Found ${found}: ${imported} new, ${updated} updated, ${alreadyThere} there already, ${skippedCount} skipped, ${failedCount} failed.`,
    ...report.skipped.map(({ what, why }) => `  skipped ${what}: ${why}`),
    ...report.failed.map(({ what, why }) => `  failed ${what}: ${why}`),
    ...(report.missingFiles === 0 ? [] : [`  ${report.missingFiles} attached files are not in the export.`]),
  ];
}

export const importExports: Command = {
  usage: 'import EXPORT… --library FOLDER',
  summary:
    'Take conversations of other products (ChatGPT, Claude, Gemini, Open WebUI, LibreChat, LM Studio, Jan, Markdown, JSONL) into a library.',
  options: ['library'],
  files: [1, Number.MAX_SAFE_INTEGER],
  run: (given, terminal) =>
    withLibrary(given, async (library) => {
      const interruption = new AbortController();
      const interrupt = (): void => interruption.abort();
      process.once('SIGINT', interrupt);
      try {
        const reports: ImportReport[] = [];
        for (const path of given.files) reports.push(await importOne(library, path, interruption.signal, terminal));
        if (given.json) await writeResult(STREAM, `${JSON.stringify(reports)}\n`, terminal);
        return reports.some(({ failedCount }) => failedCount > 0) ? EXIT.invalid : EXIT.ok;
      } finally {
        process.off('SIGINT', interrupt);
      }
    }),
};

async function importOne(
  library: Library,
  path: string,
  signal: AbortSignal,
  terminal: Terminal,
): Promise<ImportReport> {
  let told = 0;
  const result = await library.importFile(path, {
    signal,
    onProgress: ({ documents, bytesDone, bytesTotal }) => {
      if (documents - told < PROGRESS_EVERY) return;
      told = documents;
      const percent = bytesTotal === 0 ? 100 : Math.floor((100 * bytesDone) / bytesTotal);
      terminal.note(`${path}: ${documents} conversations, ${percent} %`);
    },
  });
  const report = done(result);
  for (const line of reportLines(report)) terminal.note(line);
  return report;
}

function hitLine({ title, platform, updatedAt, excerpt }: SearchHit): string {
  const place = `${updatedAt.slice(0, 10)} ${platform} | ${title}`;
  return excerpt === null ? place : `${place} | ${excerpt.text.replace(/\s+/g, ' ').trim()}`;
}

export const search: Command = {
  usage: 'search WORDS… --library FOLDER [--limit N]',
  summary: 'Find words and "phrases" in a library; the last word may be the beginning of one.',
  options: ['library', 'limit'],
  files: [1, Number.MAX_SAFE_INTEGER],
  run: (given, terminal) =>
    withLibrary(given, async (library) => {
      const limit = Number(given.text('limit') ?? DEFAULT_RESULTS);
      if (!Number.isInteger(limit) || limit < 1 || limit > PAGE_SIZE) {
        throw new Stop(EXIT.usage, `--limit is a whole number from 1 to ${PAGE_SIZE}.`);
      }
      const { hits, hasMore } = done(await library.search(given.files.join(' '), { limit }));
      const lines = given.json ? hits.map((hit) => JSON.stringify(hit)) : hits.map(hitLine);
      await writeResult(STREAM, lines.map((line) => `${line}\n`).join(''), terminal);
      terminal.note(hasMore ? `The first ${hits.length} places.` : `Places: ${hits.length}.`);
      return EXIT.ok;
    }),
};

async function allIds(library: Library): Promise<readonly string[]> {
  const ids: string[] = [];
  for (;;) {
    const page = done(await library.conversations.list({ limit: PAGE_SIZE, offset: ids.length }));
    ids.push(...page.conversations.map(({ id }) => id));
    if (page.conversations.length === 0 || ids.length >= page.total) return ids;
  }
}

export const exportLibrary: Command = {
  usage: 'export --library FOLDER --to tore5|markdown|html|jsonl --out FOLDER',
  summary: 'Write every conversation of a library into a folder, one file each.',
  options: ['library', 'to', 'out'],
  files: [0, 0],
  run: (given, terminal) =>
    withLibrary(given, async (library) => {
      const format = FORMATS.find((known) => known === given.text('to'));
      if (format === undefined) throw new Stop(EXIT.usage, `Say what to write: --to ${FORMATS.join('|')}.`);
      const path = given.text('out');
      if (path === null) throw new Stop(EXIT.usage, 'Say where to: --out FOLDER.');
      const ids = await allIds(library);
      const { written, leftOutFiles } = done(await exportConversations(library, ids, format, { kind: 'folder', path }));
      terminal.note(`Conversations: ${written}.`);
      for (const name of leftOutFiles) terminal.note(`Too large for a document, so left out: ${name}`);
      return EXIT.ok;
    }),
};
