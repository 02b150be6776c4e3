import { isUtf8 } from 'node:buffer';
import type { Conversation } from '../../protocol/conversation/conversation';
import { validateConversation } from '../../protocol/conversation/check-conversation';
import type { DocumentFailure } from '../../protocol/documents/errors';
import { readDocument, validateDocument } from '../../protocol/documents/read-document';
import { isShallow } from '../../protocol/documents/shallow-json';
import { attachFiles, detachAttachments, type AttachContext } from './attach-files';
import type { Converted, ConvertContext } from './converter';
import { convertChatMessages } from './converters/chat-messages';
import { convertGeminiActivity } from './converters/gemini-activity';
import { convertGeminiActivityHtml } from './converters/gemini-activity-html';
import { convertJan } from './converters/jan';
import { convertMarkdown } from './converters/markdown';
import { CONVERTERS, detectRecord, productOf, wrappedRecords, type RecordKind } from './detect';
import type { Examined } from './examine-entry';
import type { FileEntry } from './file-collection';
import { sliceActivities } from './html-activities';
import type { OtherDocument } from './import-sink';
import { sliceJson, type JsonSlice } from './json-slices';
import { IMPORT_LIMITS } from './limits';
import { parseRecord } from './parse-record';
import { firstText, recordOf, textOf, type SourceRecord } from './source-values';

interface Neighbour {
  readonly entry: FileEntry;
  readonly examined: Examined;
}

/** What importing one file needs. */
export interface EntryContext extends AttachContext {
  /** Told of every piece read; throws when the import was cancelled. */
  readonly onBytes: (bytes: number) => void;
  /** Other files of the same folder that hold conversations. */
  readonly siblings: readonly Neighbour[];
  readonly isArchive: boolean;
}

const UNKNOWN_TIME = '1970-01-01T00:00:00.000Z';

/** Imports the records of one file. */
export async function importEntry(entry: FileEntry, examined: Examined, context: EntryContext): Promise<void> {
  const reader = new EntryReader(entry, context);
  if (examined.kind === 'activity-page') await reader.activityPage(examined.learnedPrefix);
  else if (examined.kind === 'text') await reader.text();
  else if (examined.kind === 'records') {
    if (examined.layout === 'jan-thread') await reader.janThread();
    else if (examined.layout === 'jan-message') await reader.janMessages();
    else if (examined.layout === 'chat-line') await reader.chatLines();
    else await reader.records(examined.learnedPrefix);
  }
}

class EntryReader {
  readonly #entry: FileEntry;
  readonly #context: EntryContext;
  readonly #convert: ConvertContext;

  constructor(entry: FileEntry, context: EntryContext) {
    this.#entry = entry;
    this.#context = context;
    this.#convert = {
      fallbackTime: entry.modifiedAt ?? UNKNOWN_TIME,
      fileName: entry.name.slice(entry.name.lastIndexOf('/') + 1),
    };
  }

  async records(learnedPrefix: string | null): Promise<void> {
    let index = 0;
    for await (const slice of sliceJson(this.#read(this.#entry))) {
      index += 1;
      const what = `record ${index} of ${this.#entry.name}`;
      const parsed = parseRecord(slice);
      if (!parsed.ok) {
        this.#context.report.fail(what, parsed.why);
        continue;
      }
      const record = recordOf(parsed.value);
      if (record === null) {
        this.#context.report.skip(what, parsed.value === null ? 'it is null' : 'it is not an object');
        continue;
      }
      await this.#record(record, slice, what, learnedPrefix);
    }
  }

  async #record(record: SourceRecord, slice: JsonSlice, what: string, learnedPrefix: string | null): Promise<void> {
    const kind = detectRecord(record);
    const wrapped = kind === null ? wrappedRecords(record) : null;
    if (wrapped === null) return this.#single(record, kind, slice, what, learnedPrefix);
    for (const [index, value] of wrapped.entries()) {
      const inner = recordOf(value);
      const place = `record ${index + 1} in ${what}`;
      if (inner === null) this.#context.report.skip(place, 'it is not an object');
      else await this.#single(inner, detectRecord(inner), null, place, learnedPrefix);
    }
    return undefined;
  }

  async #single(
    record: SourceRecord,
    kind: RecordKind | null,
    slice: JsonSlice | null,
    what: string,
    learnedPrefix: string | null,
  ): Promise<void> {
    if (kind === 'tore') return this.#toreDocument(slice?.bytes ?? Buffer.from(JSON.stringify(record)), what);
    const convert = kind === null ? undefined : CONVERTERS[kind];
    if (kind === null || convert === undefined) {
      this.#context.report.skip(what, 'its layout is not known');
      return undefined;
    }
    const converted =
      kind === 'gemini-activity'
        ? convertGeminiActivity(record, this.#convert, learnedPrefix)
        : convert(record, this.#convert);
    const title = firstText(record['title'], record['name']);
    return this.#take(converted, title ?? what, productOf(kind));
  }

  async #toreDocument(bytes: Uint8Array, what: string): Promise<void> {
    const read = readDocument(bytes);
    if (!read.ok) {
      const [problem] = read.error.problems;
      const detail = problem === undefined ? '' : ` ${problem.pointer}: ${problem.message}`;
      this.#context.report.fail(what, `${read.error.message}${detail}`);
      return;
    }
    this.#context.report.format('tore');
    const { value } = read;
    if (value.kind === 'conversation') await this.#takeConversation(value.document, value.document.title);
    else await this.#takeDocument(value, what);
  }

  async activityPage(learnedPrefix: string | null): Promise<void> {
    let index = 0;
    for await (const block of sliceActivities(this.#read(this.#entry))) {
      index += 1;
      const what = `activity ${index} of ${this.#entry.name}`;
      if (block.text === null) this.#context.report.fail(what, 'it is too large');
      else await this.#take(convertGeminiActivityHtml(block.text, this.#convert, learnedPrefix), what, 'gemini');
    }
  }

  async text(): Promise<void> {
    const what = this.#entry.name;
    const bytes = await this.#whole(IMPORT_LIMITS.maxTextBytes);
    if (bytes === null) {
      this.#context.report.fail(what, `it is larger than ${IMPORT_LIMITS.maxTextBytes / 1_048_576} MB`);
    } else if (!isUtf8(bytes)) {
      this.#context.report.fail(what, 'it is not UTF-8 text');
    } else {
      await this.#take(convertMarkdown(bytes.toString('utf8'), this.#convert), what, 'markdown');
    }
  }

  /** A thread with the messages in the file beside it. */
  async janThread(): Promise<void> {
    const [thread] = await this.#gather(this.#entry);
    const lines = this.#context.siblings.find(({ examined }) => isLayout(examined, 'jan-message'));
    const messages = lines === undefined ? [] : await this.#gather(lines.entry);
    if (thread === undefined || messages === null) return;
    const what = textOf(thread['title']) ?? this.#entry.name;
    await this.#take(convertJan(thread, messages, this.#convert), what, 'jan');
  }

  /** Messages without their thread; with it they are read by the thread. */
  async janMessages(): Promise<void> {
    if (this.#context.siblings.some(({ examined }) => isLayout(examined, 'jan-thread'))) return;
    const messages = await this.#gather(this.#entry);
    const byThread = new Map<string, SourceRecord[]>();
    for (const message of messages) {
      const id = textOf(message['thread_id']) ?? '';
      const known = byThread.get(id);
      if (known === undefined) byThread.set(id, [message]);
      else known.push(message);
    }
    for (const [id, list] of byThread) {
      await this.#take(convertJan(null, list, this.#convert), id === '' ? this.#entry.name : id, 'jan');
    }
  }

  /** One conversation, a message in each line. */
  async chatLines(): Promise<void> {
    const messages = await this.#gather(this.#entry);
    await this.#take(convertChatMessages({ messages }, this.#convert), this.#entry.name, 'chat-messages');
  }

  /** The objects of a file that belong together. Broken ones are reported, and the rest is used. */
  async #gather(entry: FileEntry): Promise<readonly SourceRecord[]> {
    const records: SourceRecord[] = [];
    let sizeBytes = 0;
    for await (const slice of sliceJson(this.#read(entry))) {
      sizeBytes += slice.sizeBytes;
      const what = `line at byte ${slice.byteOffset} of ${entry.name}`;
      const parsed = sizeBytes > IMPORT_LIMITS.maxRecordBytes ? TOO_LARGE : parseRecord(slice);
      const record = parsed.ok ? recordOf(parsed.value) : null;
      if (!parsed.ok) this.#context.report.fail(what, parsed.why);
      else if (record !== null) records.push(record);
    }
    return records;
  }

  async #take(converted: Converted, what: string, product: string): Promise<void> {
    const { report } = this.#context;
    report.format(product);
    if (converted.kind === 'skipped') report.skip(what, converted.why);
    // Records are kept inside what is made of them, so it nests deeper than they do.
    else if (!isShallow(documentIn(converted))) report.fail(what, 'it nests too deeply to be kept');
    else if (converted.kind === 'conversation') {
      const attached = await attachFiles(converted.conversation, this.#context);
      await this.#takeConversation(attached, what, true);
    } else if (converted.document.kind !== 'conversation') {
      const checked = validateDocument(converted.document.document);
      if (checked.ok) await this.#takeDocument(converted.document, what);
      else report.fail(what, whyInvalid(checked.error));
    }
  }

  /** `isConverted`: made by us, so its attachments are detached already and its form is still to be checked. */
  async #takeConversation(conversation: Conversation, what: string, isConverted = false): Promise<void> {
    const { report, sink } = this.#context;
    if (isConverted) {
      const { attachments: _attachments, ...bare } = conversation;
      const checked = validateConversation(bare);
      if (!checked.ok) {
        report.fail(what, whyInvalid(checked.error));
        return;
      }
      report.added(await sink.addConversation(conversation), what);
      return;
    }
    const detached = await detachAttachments(conversation.attachments ?? [], sink);
    if (!detached.ok) report.fail(what, detached.why);
    else {
      const isBare = conversation.attachments === undefined || conversation.attachments === null;
      report.added(
        await sink.addConversation(isBare ? conversation : { ...conversation, attachments: detached.attachments }),
        what,
      );
    }
  }

  async #takeDocument(document: OtherDocument, what: string): Promise<void> {
    const { report, sink } = this.#context;
    if (document.kind !== 'project') {
      report.added(await sink.addDocument(document), what);
      return;
    }
    const project = document.document;
    const detached = await detachAttachments(project.attachments, sink);
    if (!detached.ok) {
      report.fail(what, detached.why);
      return;
    }
    const conversations: typeof project.conversations = [];
    for (const entry of project.conversations) {
      if (!('tore_spec' in entry) || entry.attachments === undefined || entry.attachments === null) {
        conversations.push(entry);
        continue;
      }
      const inner = await detachAttachments(entry.attachments, sink);
      if (!inner.ok) {
        report.fail(what, inner.why);
        return;
      }
      conversations.push({ ...entry, attachments: inner.attachments });
    }
    const taken = { ...project, attachments: detached.attachments, conversations };
    report.added(await sink.addDocument({ kind: 'project', document: taken }), what);
  }

  async *#read(entry: FileEntry): AsyncGenerator<Buffer> {
    for await (const chunk of await entry.open()) {
      this.#context.onBytes(chunk.length);
      yield chunk;
    }
  }

  async #whole(maxBytes: number): Promise<Buffer | null> {
    const parts: Buffer[] = [];
    let length = 0;
    for await (const chunk of this.#read(this.#entry)) {
      length += chunk.length;
      if (length > maxBytes) return null;
      parts.push(chunk);
    }
    return Buffer.concat(parts);
  }
}

function documentIn(converted: Exclude<Converted, { readonly kind: 'skipped' }>): unknown {
  return converted.kind === 'conversation' ? converted.conversation : converted.document.document;
}

function whyInvalid({ message, problems: [problem] }: DocumentFailure): string {
  return problem === undefined ? message : `${problem.pointer}: ${problem.message}`;
}

const TOO_LARGE = { ok: false, why: 'the conversation it belongs to is too large' } as const;

function isLayout(examined: Examined, layout: RecordKind): boolean {
  return examined.kind === 'records' && examined.layout === layout;
}
