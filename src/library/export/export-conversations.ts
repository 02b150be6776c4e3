import { Readable } from 'node:stream';
import type { Conversation } from '../../protocol/conversation/conversation';
import type { ToreDocument } from '../../protocol/documents/read-document';
import { writeMarkdown } from '../documents/write-markdown';
import { writeTrainingLine } from '../documents/write-training-line';
import { asResult, LibraryError, throwIfCancelled, type LibraryResult } from '../store/errors';
import { FileNames, firstOf } from './file-names';
import { neededFiles, pathsOf, withFilePaths } from './markdown-files';
import { ArchiveWriter, asWriteFailure, FolderWriter, type ExportTarget, type Writer } from './writers';
import { writeHtml } from './write-html';
import { writeDocumentStream, type FileReader } from './write-document-stream';

/** How conversations are written. */
export type ExportFormat = 'tore5' | 'markdown' | 'html' | 'jsonl';

/** Where conversations and the bytes of their files come from; a `Library` has both. */
export interface ExportSource {
  readonly conversations: { getStandalone(id: string): Promise<LibraryResult<Conversation>> };
  readonly files: FileReader;
}

export interface ExportOptions {
  readonly onProgress?: (progress: { readonly done: number; readonly total: number }) => void;
  readonly signal?: AbortSignal;
}

export interface ExportReport {
  readonly written: number;
  /** Names of attachments too large to be written into a document. */
  readonly leftOutFiles: readonly string[];
}

const ENDINGS: Readonly<Record<ExportFormat, string>> = {
  tore5: '.tore5.json',
  markdown: '.md',
  html: '.html',
  jsonl: '.jsonl',
};

/**
 * Writes conversations. Files appear under their names only when they are whole; when the export fails or is cancelled,
 * a file or an archive is not there at all, and a folder holds whole files only. What a folder held before stays: a name that
 * is taken gets a number.
 */
export function exportConversations(
  source: ExportSource,
  ids: readonly string[],
  format: ExportFormat,
  target: ExportTarget,
  options: ExportOptions = {},
): Promise<LibraryResult<ExportReport>> {
  return asResult(async () => {
    const takesMany = format === 'jsonl' || format === 'html';
    if (target.kind === 'file' && !takesMany && ids.length !== 1) {
      throw new LibraryError('write-failed', 'One file of this kind holds one conversation.', {
        suggestion: 'Choose a folder or an archive.',
      });
    }
    const leftOutFiles: string[] = [];
    const writer = target.kind === 'archive' ? new ArchiveWriter(target.path) : new FolderWriter(target);
    let isFinished = false;
    try {
      if (format === 'jsonl') {
        await writer.write(new FileNames().candidates('conversations', '.jsonl'), trainingLines(source, ids, options));
      } else if (format === 'html' && target.kind === 'file') {
        await writer.write([], htmlPage(source, ids, options));
      } else await writeEach(source, ids, { format, target, writer, leftOutFiles, options });
      await writer.finish();
      isFinished = true;
    } catch (thrown) {
      throw asWriteFailure(thrown, target.path);
    } finally {
      if (!isFinished) await writer.discard();
    }
    return { written: ids.length, leftOutFiles };
  });
}

async function read(source: ExportSource, id: string): Promise<Conversation> {
  const found = await source.conversations.getStandalone(id);
  if (found.ok) return found.value;
  throw new LibraryError(found.error.code, found.error.message, { retryable: found.error.retryable });
}

async function* trainingLines(
  source: ExportSource,
  ids: readonly string[],
  { onProgress, signal }: ExportOptions,
): AsyncGenerator<Buffer> {
  for (const [index, id] of ids.entries()) {
    throwIfCancelled(signal);
    yield Buffer.from(writeTrainingLine(visible(await read(source, id), true)));
    onProgress?.({ done: index + 1, total: ids.length });
  }
}

/** Several conversations as one page; a single one gives the page its title. */
async function* htmlPage(
  source: ExportSource,
  ids: readonly string[],
  { onProgress, signal }: ExportOptions,
): AsyncGenerator<Buffer> {
  const [first] = ids;
  const title = first === undefined || ids.length > 1 ? 'Conversations' : (await read(source, first)).title;
  yield* writeHtml({
    title,
    count: ids.length,
    read: (index) => read(source, ids[index] ?? ''),
    files: source.files,
    signal,
    onWritten: (index) => onProgress?.({ done: index + 1, total: ids.length }),
  });
}

/**
 * A conversation without what its product does not show. For training, hidden system prompts stay: they say how the model
 * was told to be.
 */
function visible(conversation: Conversation, keepsSystem: boolean): Conversation {
  const roles = new Map(conversation.participants.map(({ id, role }) => [id, role]));
  const messages = conversation.messages.map((message) => {
    const isKept = keepsSystem && roles.get(message.participant_id) === 'system';
    return message.metadata?.['hidden'] === true && !isKept ? { ...message, content: [] } : message;
  });
  return { ...conversation, messages };
}

interface Job {
  readonly format: Exclude<ExportFormat, 'jsonl'>;
  readonly target: ExportTarget;
  readonly writer: Writer;
  readonly leftOutFiles: string[];
  readonly options: ExportOptions;
}

async function writeEach(source: ExportSource, ids: readonly string[], job: Job): Promise<void> {
  const names = new FileNames();
  const filesWritten = new Map<string, string>();
  for (const [index, id] of ids.entries()) {
    throwIfCancelled(job.options.signal);
    const conversation = await read(source, id);
    const candidates = names.candidates(conversation.title, ENDINGS[job.format]);
    if (job.format === 'tore5') {
      const { chunks, leftOut } = writeDocumentStream(conversation, source.files);
      job.leftOutFiles.push(...leftOut);
      await job.writer.write(candidates, chunks);
    } else if (job.format === 'html') {
      await job.writer.write(
        candidates,
        htmlPage(source, [id], { ...(job.options.signal && { signal: job.options.signal }) }),
      );
    } else {
      await writeMarkdownFiles(source, conversation, candidates, job, filesWritten);
    }
    job.options.onProgress?.({ done: index + 1, total: ids.length });
  }
}

/** `filesWritten`: files already beside the Markdown, where each was to be and where it is. */
async function writeMarkdownFiles(
  source: ExportSource,
  conversation: Conversation,
  candidates: Iterable<string>,
  job: Job,
  filesWritten: Map<string, string>,
): Promise<void> {
  const shown = visible(conversation, false);
  const paths = new Map<string, string>();
  // Beside a single file nothing else is put: the person chose one name.
  for (const file of job.target.kind === 'file' ? [] : neededFiles(shown)) {
    const wanted = firstOf(pathsOf(file));
    const path = filesWritten.get(wanted) ?? (await job.writer.write(pathsOf(file), source.files.read(file.sha256)));
    filesWritten.set(wanted, path);
    paths.set(file.attachmentId, path);
  }
  await job.writer.write(candidates, Readable.from([Buffer.from(writeMarkdown(withFilePaths(shown, paths)))]));
}

/**
 * Writes a document of any kind into one file, with the content of its attachments inside.
 *
 * @param document - as the library gives it, its attachments detached.
 */
export function exportDocument(
  document: ToreDocument['document'],
  files: FileReader,
  path: string,
): Promise<LibraryResult<ExportReport>> {
  return asResult(async () => {
    const { chunks, leftOut } = writeDocumentStream(document, files);
    try {
      await new FolderWriter({ kind: 'file', path }).write([], chunks);
    } catch (thrown) {
      throw asWriteFailure(thrown, path);
    }
    return { written: 1, leftOutFiles: leftOut };
  });
}
