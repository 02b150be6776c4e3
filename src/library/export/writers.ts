import { randomUUID } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { finished, pipeline } from 'node:stream/promises';
import { ZipFile } from 'yazl';
import { LibraryError, reasonOf, systemCodeOf } from '../store/errors';

/**
 * Where they go. A file takes one conversation, or any number as `jsonl` (a line each); a folder and an archive take any
 * number as files of their own, Markdown with its images and files beside it.
 */
export interface ExportTarget {
  readonly kind: 'file' | 'folder' | 'archive';
  readonly path: string;
}

/** Takes the files of an export one after another. */
export interface Writer {
  write(name: string, content: AsyncIterable<Uint8Array>): Promise<void>;
  finish(): Promise<void>;
  discard(): Promise<void>;
}

/** What a failed write means for the person; anything that is no failure of the disk stays what it was. */
export function asWriteFailure(thrown: unknown, path: string): unknown {
  if (thrown instanceof LibraryError || systemCodeOf(thrown) === null) return thrown;
  const isFull = systemCodeOf(thrown) === 'ENOSPC';
  return new LibraryError(
    isFull ? 'storage-full' : 'write-failed',
    isFull ? 'The disk is full. Nothing half-written was kept.' : `${path} cannot be written: ${reasonOf(thrown)}.`,
    { retryable: true, suggestion: 'Choose another place.', cause: thrown },
  );
}

/** Writes files into a folder, or one file under its own name. Each appears when it is whole. */
export class FolderWriter implements Writer {
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

/** Writes files into one zip archive, which appears when it is whole. */
export class ArchiveWriter implements Writer {
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
