import { isUtf8 } from 'node:buffer';
import { ACTIVITY_START, titleOfActivityHtml } from './converters/gemini-activity-html';
import { isGeminiActivity, learnPromptPrefix } from './converters/gemini-activity';
import { detectRecord, isDownloadManifest, wrappedRecords, type RecordKind } from './detect';
import type { FileEntry } from './file-collection';
import { sliceActivities } from './html-activities';
import { sliceJson } from './json-slices';
import { IMPORT_LIMITS } from './limits';
import { parseRecord } from './parse-record';
import { recordOf, recordsOf, type SourceRecord } from './source-values';

/** What a file is, by its content. */
export type Examined =
  | { readonly kind: 'records'; readonly layout: RecordKind; readonly learnedPrefix: string | null }
  | { readonly kind: 'activity-page'; readonly learnedPrefix: string | null }
  | { readonly kind: 'text' }
  /** A list of archives to be downloaded first. */
  | { readonly kind: 'manifest' }
  /** Nothing to import; `why` is a clause. */
  | { readonly kind: 'nothing'; readonly why: string };

/** Records looked at before a file counts as unknown: the first ones may be empty or odd. */
const RECORDS_LOOKED_AT = 20;
/** Titles read to learn what the product writes before each prompt. */
const TITLES_LOOKED_AT = 50;
/** Takeout's pages begin with a style sheet of some hundred kilobytes. */
const PAGE_BYTES_LOOKED_AT = 2_097_152;

async function headOf(entry: FileEntry, sizeBytes: number): Promise<Buffer> {
  const parts: Buffer[] = [];
  let length = 0;
  for await (const chunk of await entry.open()) {
    parts.push(chunk);
    length += chunk.length;
    if (length >= sizeBytes) break;
  }
  return Buffer.concat(parts).subarray(0, sizeBytes);
}

/** Whether bytes that may be cut inside a character are UTF-8 text without control characters. */
function isText(head: Buffer): boolean {
  if (head.includes(0)) return false;
  for (let cut = 0; cut <= 3; cut += 1) if (isUtf8(head.subarray(0, head.length - cut))) return true;
  return false;
}

/** Finds out what a file is by its bytes; its name does not count. Reads no more of it than that takes. */
export async function examineEntry(entry: FileEntry): Promise<Examined> {
  const head = await headOf(entry, IMPORT_LIMITS.sniffBytes);
  if (head.length === 0) return { kind: 'nothing', why: 'it is empty' };
  if (!isText(head)) return { kind: 'nothing', why: 'it is not text' };
  const start = head
    .toString('utf8')
    .replace(/^\uFEFF/, '')
    .trimStart();
  if (start === '') return { kind: 'nothing', why: 'it is empty' };
  if (start.startsWith('{') || start.startsWith('[')) return examineJson(entry);
  if (start.startsWith('<')) return examinePage(entry);
  return { kind: 'text' };
}

async function examineJson(entry: FileEntry): Promise<Examined> {
  const records: SourceRecord[] = [];
  let looked = 0;
  let firstFault: string | null = null;
  for await (const slice of sliceJson(await entry.open())) {
    const parsed = parseRecord(slice);
    const record = parsed.ok ? recordOf(parsed.value) : null;
    if (!parsed.ok && looked === 0) firstFault = parsed.why;
    if (record !== null) records.push(record);
    looked += 1;
    const layout = layoutOf(records);
    if (layout !== null && layout !== 'gemini-activity') return { kind: 'records', layout, learnedPrefix: null };
    if (looked >= (layout === null ? RECORDS_LOOKED_AT : TITLES_LOOKED_AT)) break;
  }
  if (layoutOf(records) === 'gemini-activity') return activities(records);
  if (records.some((record) => isDownloadManifest(record))) return { kind: 'manifest' };
  if (firstFault !== null) return { kind: 'nothing', why: firstFault };
  return { kind: 'nothing', why: 'it holds no conversations of a known layout' };
}

function layoutOf(records: readonly SourceRecord[]): RecordKind | null {
  for (const record of records) {
    const kind = detectRecord(record);
    if (kind !== null) return kind;
    const inner = recordsOf(wrappedRecords(record))[0];
    const wrapped = inner === undefined ? null : detectRecord(inner);
    if (wrapped !== null) return wrapped;
  }
  return null;
}

function activities(records: readonly SourceRecord[]): Examined {
  const titles = records
    .filter((record) => isGeminiActivity(record) && Array.isArray(record['safeHtmlItem']))
    .flatMap((record) =>
      typeof record['title'] === 'string' ? [record['title'].replace(/[\u00a0\u202f]/g, ' ')] : [],
    );
  return { kind: 'records', layout: 'gemini-activity', learnedPrefix: learnPromptPrefix(titles) };
}

async function examinePage(entry: FileEntry): Promise<Examined> {
  const head = await headOf(entry, PAGE_BYTES_LOOKED_AT);
  if (!head.includes(ACTIVITY_START)) {
    return {
      kind: 'nothing',
      why: 'it is a web page without activities; its words are in the other files, if anywhere',
    };
  }
  const titles: string[] = [];
  for await (const block of sliceActivities(await entry.open())) {
    const title = block.text === null ? null : titleOfActivityHtml(block.text);
    if (title !== null) titles.push(title);
    if (titles.length >= TITLES_LOOKED_AT) break;
  }
  return { kind: 'activity-page', learnedPrefix: learnPromptPrefix(titles) };
}
