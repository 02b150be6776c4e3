import { createWriteStream } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { finished, pipeline } from 'node:stream/promises';
import { randomUUID } from 'node:crypto';
import { ZipFile } from 'yazl';
import type { Conversation } from '../../protocol/conversation/conversation';
import { writeMarkdown } from '../documents/write-markdown';
import { writeTrainingLine } from '../documents/write-training-line';
import { asResult, LibraryError, reasonOf, systemCodeOf, throwIfCancelled, type LibraryResult } from '../store/errors';
import { FileNames } from './file-names';
import { withFilePaths, type NeededFile } from './markdown-files';
import { writeDocumentStream, type FileReader } from './write-document-stream';

/** How conversations are written. */
export type ExportFormat = 'tore5' | 'markdown' | 'jsonl';

/**
 * Where they go. A file takes one conversation, or any number as `jsonl` (a line each); a folder and an archive take any
 * number as files of their own, Markdown with its images and files beside it.
 */
export interface ExportTarget {
  readonly kind: 'file' | 'folder' | 'archive';
  readonly path: string;
}

/** Where conversations and the bytes of their files come from; a `Library` has both. */
export interface ExportSource {
  readonly conversations: { get(id: string): Promise<LibraryResult<Conversation>> };
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

const ENDINGS: Readonly<Record<ExportFormat, string>> = { tore5: '.tore5.json', markdown: '.md', jsonl: '.jsonl' };

/** Takes the files of an export one after another. */
interface Writer {
  write(name: string, content: AsyncIterable<Uint8Array>): Promise<void>;
  finish(): Promise<void>;
  discard(): Promise<void>;
}

/**
 * Writes conversations. Files appear under their names only when they are whole; when the export fails or is cancelled,
 * a file or an archive is not there at all, and a folder holds whole files only.
 */
export function exportConversations(
  source: ExportSource,
  ids: readonly string[],
  format: ExportFormat,
  target: ExportTarget,
  options: ExportOptions = {},
): Promise<LibraryResult<ExportReport>> {
  return asResult(async () => {
    if (target.kind === 'file' && format !== 'jsonl' && ids.length !== 1) {
      throw new LibraryError('write-failed', 'One file of this kind holds one conversation.', {
        suggestion: 'Choose a folder or an archive.',
      });
    }
    const leftOutFiles: string[] = [];
    const writer = target.kind === 'archive' ? new ArchiveWriter(target.path) : new FolderWriter(target);
    let isFinished = false;
    try {
      if (format === 'jsonl') await writer.write('conversations.jsonl', trainingLines(source, ids, options));
      else await writeEach(source, ids, { format, target, writer, leftOutFiles, options });
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

function asWriteFailure(thrown: unknown, path: string): unknown {
  if (thrown instanceof LibraryError || systemCodeOf(thrown) === null) return thrown;
  const isFull = systemCodeOf(thrown) === 'ENOSPC';
  return new LibraryError(
    isFull ? 'storage-full' : 'write-failed',
    isFull ? 'The disk is full. Nothing half-written was kept.' : `${path} cannot be written: ${reasonOf(thrown)}.`,
    { retryable: true, suggestion: 'Choose another place.', cause: thrown },
  );
}

async function read(source: ExportSource, id: string): Promise<Conversation> {
  const found = await source.conversations.get(id);
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
    yield Buffer.from(writeTrainingLine(visible(await read(source, id))));
    onProgress?.({ done: index + 1, total: ids.length });
  }
}

/** A conversation without what its product does not show; system prompts stay, they say how the model was told to be. */
function visible(conversation: Conversation): Conversation {
  const roles = new Map(conversation.participants.map(({ id, role }) => [id, role]));
  const messages = conversation.messages.map((message) => {
    const isHidden = message.metadata?.['hidden'] === true && roles.get(message.participant_id) !== 'system';
    return isHidden ? { ...message, content: [] } : message;
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
  const filesWritten = new Set<string>();
  for (const [index, id] of ids.entries()) {
    throwIfCancelled(job.options.signal);
    const conversation = await read(source, id);
    const name = names.unique(conversation.title, ENDINGS[job.format]);
    if (job.format === 'tore5') {
      const { chunks, leftOut } = writeDocumentStream(conversation, source.files);
      job.leftOutFiles.push(...leftOut);
      await job.writer.write(name, chunks);
    } else {
      await writeMarkdownFiles(source, conversation, name, job, filesWritten);
    }
    job.options.onProgress?.({ done: index + 1, total: ids.length });
  }
}

async function writeMarkdownFiles(
  source: ExportSource,
  conversation: Conversation,
  name: string,
  job: Job,
  filesWritten: Set<string>,
): Promise<void> {
  const shown = visible(conversation);
  // Beside a single file nothing else is put: the person chose one name.
  const linked: { readonly conversation: Conversation; readonly files: readonly NeededFile[] } =
    job.target.kind === 'file' ? { conversation: shown, files: [] } : withFilePaths(shown);
  for (const file of linked.files) {
    if (filesWritten.has(file.path)) continue;
    filesWritten.add(file.path);
    await job.writer.write(file.path, source.files.read(file.sha256));
  }
  await job.writer.write(name, Readable.from([Buffer.from(writeMarkdown(linked.conversation))]));
}

class FolderWriter implements Writer {
  readonly #target: ExportTarget;

  constructor(target: ExportTarget) {
    this.#target = target;
  }

  async write(name: string, content: AsyncIterable<Uint8Array>): Promise<void> {
    const isFile = this.#target.kind === 'file';
    const path = isFile ? this.#target.path : join(this.#target.path, name);
    if (!isFile) await mkdir(join(path, '..'), { recursive: true });
    const temporary = `${path}.${randomUUID()}.partial`;
    try {
      await pipeline(content, createWriteStream(temporary, { flags: 'wx' }));
      await rename(temporary, path);
    } finally {
      await rm(temporary, { force: true });
    }
  }

  finish(): Promise<void> {
    return Promise.resolve();
  }

  discard(): Promise<void> {
    return Promise.resolve();
  }
}

class ArchiveWriter implements Writer {
  readonly #path: string;
  readonly #temporary: string;
  readonly #zip = new ZipFile();
  readonly #written: Promise<void>;
  #failure: unknown = null;

  constructor(path: string) {
    this.#path = path;
    this.#temporary = `${path}.${randomUUID()}.partial`;
    // A failure of the disk is told by the next write, or by `finish`.
    this.#written = pipeline(this.#zip.outputStream, createWriteStream(this.#temporary, { flags: 'wx' })).catch(
      (thrown: unknown) => {
        this.#failure = thrown;
      },
    );
  }

  async write(name: string, content: AsyncIterable<Uint8Array>): Promise<void> {
    if (this.#failure !== null) throw this.#failure;
    const stream = Readable.from(content, { objectMode: false });
    this.#zip.addReadStream(stream, name);
    await Promise.race([finished(stream), this.#written]);
    if (this.#failure !== null) throw this.#failure;
  }

  async finish(): Promise<void> {
    this.#zip.end();
    await this.#written;
    if (this.#failure !== null) throw this.#failure;
    await rename(this.#temporary, this.#path);
  }

  async discard(): Promise<void> {
    const output = this.#zip.outputStream;
    if ('destroy' in output && typeof output.destroy === 'function') output.destroy();
    await this.#written;
    await rm(this.#temporary, { force: true });
  }
}
