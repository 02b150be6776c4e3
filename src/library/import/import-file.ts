import { asResult, LibraryError, throwIfCancelled, type LibraryResult } from '../store/errors';
import { AssetIndex } from './asset-index';
import { examineEntry, type Examined } from './examine-entry';
import type { FileCollection, FileEntry } from './file-collection';
import { openCollection } from './open-collection';
import { importEntry } from './import-entry';
import { ReportCollector, type ImportReport } from './import-report';
import type { ImportProgress, ImportSink } from './import-sink';
import { productOf } from './detect';
import { hasMediaEnding } from './media-type';

export interface ImportOptions {
  readonly onProgress?: (progress: ImportProgress) => void;
  /** Ends the import at the next record; the failure has the code `cancelled`. */
  readonly signal?: AbortSignal;
}

/** A file that takes part, and what it is. */
interface Chosen {
  readonly entry: FileEntry;
  readonly examined: Exclude<Examined, { readonly kind: 'nothing' | 'manifest' }>;
}

interface Plan {
  readonly chosen: readonly Chosen[];
  readonly assets: readonly FileEntry[];
}

/**
 * Imports whatever a path names: a document of the tore family, an export of another product (a file, a zip or its
 * unpacked folder), Markdown or JSONL. What it is, is told by its structure. Memory stays flat: one record is held at a
 * time, files are streamed.
 *
 * Nothing is committed here: the sink decides what becomes of documents when the import fails or is cancelled.
 *
 * @returns what became of each record; a failure only when nothing can be said record by record (`file-missing`,
 *   `format-unknown`, `content-invalid`, archive codes, `cancelled`).
 */
export function importFile(
  path: string,
  sink: ImportSink,
  options: ImportOptions = {},
): Promise<LibraryResult<ImportReport>> {
  return asResult(async () => {
    const collection = await openCollection(path);
    try {
      return await importCollection(collection, sink, options);
    } finally {
      await collection.close();
    }
  });
}

/** Imports files that were opened already; see `importFile`. @throws {LibraryError} its failures. */
export async function importCollection(
  collection: FileCollection,
  sink: ImportSink,
  { onProgress, signal }: ImportOptions,
): Promise<ImportReport> {
  const report = new ReportCollector();
  for (const { what, why } of collection.skipped) report.skip(what, why);
  const { chosen, assets } = await makePlan(collection, report, signal);
  let bytesDone = 0;
  let bytesTotal = 0;
  for (const { entry } of chosen) bytesTotal += entry.sizeBytes;
  for (const asset of assets) bytesTotal += asset.sizeBytes;
  const onBytes = (bytes: number): void => {
    throwIfCancelled(signal);
    bytesDone += bytes;
    onProgress?.({ bytesDone: Math.min(bytesDone, bytesTotal), bytesTotal, documents: report.conversationCount });
  };
  const index = new AssetIndex(assets, report, onBytes);
  const byFolder = neighbours(chosen);
  for (const { entry, examined } of chosen) {
    throwIfCancelled(signal);
    const siblings = (byFolder.get(folderOf(entry)) ?? []).filter((other) => other.entry !== entry);
    await importEntry(entry, examined, {
      sink,
      report,
      assets: index,
      onBytes,
      siblings,
      isArchive: collection.kind !== 'file',
    });
  }
  // Files that nothing points to were not read; the bar ends full all the same.
  onProgress?.({ bytesDone: bytesTotal, bytesTotal, documents: report.conversationCount });
  return report.finish();
}

/** A thread of Jan has two files in its folder; nobody needs more neighbours. */
const MAX_SIBLINGS = 8;

function neighbours(chosen: readonly Chosen[]): ReadonlyMap<string, readonly Chosen[]> {
  const byFolder = new Map<string, Chosen[]>();
  for (const file of chosen) {
    const known = byFolder.get(folderOf(file.entry));
    if (known === undefined) byFolder.set(folderOf(file.entry), [file]);
    else if (known.length < MAX_SIBLINGS) known.push(file);
  }
  return byFolder;
}

function folderOf(entry: FileEntry): string {
  return entry.name.slice(0, entry.name.lastIndexOf('/') + 1);
}

/** Looks into every file that could hold conversations and chooses what to read, in the order of the names. */
async function makePlan(
  collection: FileCollection,
  report: ReportCollector,
  signal: AbortSignal | undefined,
): Promise<Plan> {
  if (collection.kind === 'file') return { chosen: [await examineSingle(collection.entries)], assets: [] };
  const candidates: Chosen[] = [];
  const assets: FileEntry[] = [];
  const nothing: { readonly entry: FileEntry; readonly why: string }[] = [];
  let hasManifest = false;
  const entries = [...collection.entries].sort((a, b) => (a.name < b.name ? -1 : 1));
  for (const entry of entries) {
    throwIfCancelled(signal);
    if (hasMediaEnding(entry.name)) {
      assets.push(entry);
      continue;
    }
    const examined = await examineEntry(entry);
    if (examined.kind === 'manifest') hasManifest = true;
    else if (examined.kind === 'nothing') nothing.push({ entry, why: examined.why });
    else candidates.push({ entry, examined });
  }
  // Beside the data of a product, texts and small talk in JSON are files somebody uploaded to it.
  const isProduct = candidates.some(({ examined }) => isOfProduct(examined));
  const chosen: Chosen[] = [];
  for (const candidate of candidates) {
    if (!isProduct || isOfProduct(candidate.examined)) chosen.push(candidate);
    else assets.push(candidate.entry);
  }
  for (const { entry, why } of nothing) {
    if (/(?:^|[/_-])file[-_]/.test(entry.name)) assets.push(entry);
    else report.skip(entry.name, why);
  }
  if (chosen.length === 0) throw hasManifest ? onlyManifest() : unknownFormat();
  return { chosen, assets };
}

function isOfProduct(examined: Examined): boolean {
  return (
    examined.kind === 'activity-page' ||
    (examined.kind === 'records' && examined.layout !== 'tore' && productOf(examined.layout) !== 'chat-messages')
  );
}

function unknownFormat(why?: string): LibraryError {
  const reason = why === undefined ? '' : `: ${why}`;
  return new LibraryError('format-unknown', `This holds nothing that can be imported${reason}.`, {
    suggestion:
      'Choose an export of ChatGPT, Claude, Gemini, AI Studio, Open WebUI, LibreChat, LM Studio or Jan, a tore document, Markdown or JSONL.',
  });
}

function onlyManifest(): LibraryError {
  return new LibraryError(
    'format-unknown',
    'This file only lists where the parts of the export can be downloaded; the conversations are in those parts.',
    { suggestion: 'Open the addresses in the file with your browser, then import the archives you get.' },
  );
}

async function examineSingle(entries: readonly FileEntry[]): Promise<Chosen> {
  const [entry] = entries;
  if (entry === undefined) throw unknownFormat();
  const examined = await examineEntry(entry);
  if (examined.kind === 'manifest') throw onlyManifest();
  if (examined.kind !== 'nothing') return { entry, examined };
  // A page of Markdown may begin with a link in brackets; only the person's own naming tells it from broken JSON.
  if (/\.(?:md|markdown|txt)$/i.test(entry.name) && examined.why !== 'it is not text' && entry.sizeBytes > 0) {
    return { entry, examined: { kind: 'text' } };
  }
  throw unknownFormat(examined.why);
}
