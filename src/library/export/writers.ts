import { randomUUID } from 'node:crypto';
import { constants, createWriteStream } from 'node:fs';
import { copyFile, link, mkdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { finished, pipeline } from 'node:stream/promises';
import { ZipFile } from 'yazl';
import { LibraryError, reasonOf, systemCodeOf } from '../store/errors';
import { firstOf } from './file-names';

/**
 * Where they go. A file takes one conversation, or any number as `jsonl` (a line each), and replaces what is there; a folder
 * and an archive take any number as files of their own, Markdown with its images and files beside it. What lies in a folder
 * stays.
 */
export interface ExportTarget {
  readonly kind: 'file' | 'folder' | 'archive';
  readonly path: string;
}

/** Takes the files of an export one after another. */
export interface Writer {
  /** Writes a file under the first of its names that is free; returns that name. */
  write(names: Iterable<string>, content: AsyncIterable<Uint8Array>): Promise<string>;
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

/** Gives a whole file its name. False when the name is taken, by whomever and since whenever. */
async function place(temporary: string, path: string): Promise<boolean> {
  try {
    await link(temporary, path).catch((thrown: unknown) => {
      if (systemCodeOf(thrown) === 'EEXIST') throw thrown;
      // A file system without links, as on memory sticks.
      return copyFile(temporary, path, constants.COPYFILE_EXCL);
    });
    return true;
  } catch (thrown) {
    if (systemCodeOf(thrown) === 'EEXIST') return false;
    throw thrown;
  }
}

/**
 * Writes files into a folder, beside what is there, or one file under the name a person chose for it. Each appears when it
 * is whole.
 */
export class FolderWriter implements Writer {
  readonly #target: ExportTarget;

  constructor(target: ExportTarget) {
    this.#target = target;
  }

  async write(names: Iterable<string>, content: AsyncIterable<Uint8Array>): Promise<string> {
    const { kind, path } = this.#target;
    if (kind !== 'file') await mkdir(path, { recursive: true });
    const temporary = kind === 'file' ? `${path}.${randomUUID()}.partial` : join(path, `${randomUUID()}.partial`);
    try {
      await pipeline(content, createWriteStream(temporary, { flags: 'wx' }));
      if (kind !== 'file') return await this.#placeBeside(temporary, names);
      await rename(temporary, path);
      return path;
    } finally {
      await rm(temporary, { force: true });
    }
  }

  async #placeBeside(temporary: string, names: Iterable<string>): Promise<string> {
    for (const name of names) {
      const path = join(this.#target.path, name);
      await mkdir(dirname(path), { recursive: true });
      if (await place(temporary, path)) return name;
    }
    throw new Error('every name for a file is taken');
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

  async write(names: Iterable<string>, content: AsyncIterable<Uint8Array>): Promise<string> {
    if (this.#failure !== null) throw this.#failure;
    const name = firstOf(names);
    const stream = Readable.from(content, { objectMode: false });
    this.#zip.addReadStream(stream, name);
    await Promise.race([finished(stream), this.#written]);
    if (this.#failure !== null) throw this.#failure;
    return name;
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
