import { createHash, randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { LibraryError, reasonOf, systemCodeOf } from './errors';

const HASH = /^[0-9a-f]{64}$/;
const INCOMING = 'incoming';

/** A file that was written. */
export interface WrittenFile {
  readonly sha256: string;
  readonly sizeBytes: number;
}

function failed(thrown: unknown): LibraryError {
  const code = systemCodeOf(thrown);
  if (code === 'ENOSPC') {
    return new LibraryError('storage-full', 'The disk that holds the library is full. The file was not kept.', {
      retryable: true,
      suggestion: 'Free some space and try again.',
      cause: thrown,
    });
  }
  return new LibraryError('storage-failed', `A file of the library could not be written: ${reasonOf(thrown)}.`, {
    retryable: true,
    cause: thrown,
  });
}

/** Bytes of a file, or null when there is none. */
async function sizeOf(path: string): Promise<number | null> {
  try {
    return (await stat(path)).size;
  } catch (thrown) {
    if (systemCodeOf(thrown) === 'ENOENT') return null;
    throw thrown;
  }
}

/** Writes the names in a folder through to the disk. Windows opens no folder and keeps names in a journal of its own. */
async function syncFolder(path: string): Promise<void> {
  if (process.platform === 'win32') return;
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/** Files by the SHA-256 of their content in a folder of 256 folders; the same content is kept once. */
export class FileStore {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Where a file is. The name comes from documents, so anything but a hash is refused. */
  pathOf(sha256: string): string {
    if (!HASH.test(sha256)) throw new Error('a file is named by its SHA-256');
    return join(this.#folder, sha256.slice(0, 2), sha256);
  }

  /** Makes the folder and removes what a crash left half-written. */
  async prepare(): Promise<void> {
    try {
      await rm(join(this.#folder, INCOMING), { recursive: true, force: true });
      await mkdir(join(this.#folder, INCOMING), { recursive: true, mode: 0o700 });
    } catch (thrown) {
      throw failed(thrown);
    }
  }

  /**
   * Writes a stream under its hash, through to the disk: to a name of its own first, so that a file that is there is whole.
   * A whole copy that is there already stays untouched, and nothing else is written through for it.
   */
  async write(content: AsyncIterable<Uint8Array>): Promise<WrittenFile> {
    const temporary = join(this.#folder, INCOMING, randomUUID());
    const hash = createHash('sha256');
    let sizeBytes = 0;
    let isPlaced = false;
    try {
      let sha256: string;
      let isKnown: boolean;
      const file = await open(temporary, 'wx', 0o600);
      try {
        for await (const chunk of content) {
          hash.update(chunk);
          sizeBytes += chunk.length;
          // Unlike `write`, which may take a part only when the disk is nearly full.
          await file.writeFile(chunk);
        }
        sha256 = hash.digest('hex');
        isKnown = await this.#isWhole(sha256, sizeBytes);
        if (!isKnown) await file.sync();
      } finally {
        await file.close();
      }
      if (!isKnown) {
        await this.#place(temporary, sha256);
        isPlaced = true;
      }
      return { sha256, sizeBytes };
    } catch (thrown) {
      throw thrown instanceof LibraryError || systemCodeOf(thrown) === null ? thrown : failed(thrown);
    } finally {
      if (!isPlaced) await rm(temporary, { force: true });
    }
  }

  /** Whether a copy is there and reads back as it should. */
  async #isWhole(sha256: string, sizeBytes: number): Promise<boolean> {
    if ((await sizeOf(this.pathOf(sha256))) !== sizeBytes) return false;
    try {
      const pieces = this.read(sha256);
      while ((await pieces.next()).done !== true) continue;
      return true;
    } catch (thrown) {
      if (thrown instanceof LibraryError) return false;
      throw thrown;
    }
  }

  async #place(temporary: string, sha256: string): Promise<void> {
    const path = this.pathOf(sha256);
    const made = await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    await rename(temporary, path);
    await syncFolder(dirname(path));
    if (made !== undefined) await syncFolder(this.#folder);
  }

  /** The bytes of a file, in pieces. Fails with `not-found` or, at its end, `checksum-mismatch`. */
  async *read(sha256: string): AsyncGenerator<Buffer> {
    const path = this.pathOf(sha256);
    const hash = createHash('sha256');
    try {
      for await (const chunk of createReadStream(path, { highWaterMark: 262_144 })) {
        const bytes = chunk as Buffer;
        hash.update(bytes);
        yield bytes;
      }
    } catch (thrown) {
      if (systemCodeOf(thrown) !== 'ENOENT') throw thrown;
      throw new LibraryError('not-found', `The attached file ${sha256.slice(0, 12)}… is missing from the library.`);
    }
    if (hash.digest('hex') !== sha256) {
      throw new LibraryError(
        'checksum-mismatch',
        `The attached file ${sha256.slice(0, 12)}… was changed on the disk; its checksum does not match.`,
      );
    }
  }

  async remove(sha256: string): Promise<void> {
    await rm(this.pathOf(sha256), { force: true });
  }

  /** All files with their sizes. Names that are no hashes are not ours and are left alone. */
  async *list(): AsyncGenerator<WrittenFile> {
    for (const folder of await readdir(this.#folder)) {
      if (!/^[0-9a-f]{2}$/.test(folder)) continue;
      for (const name of await readdir(join(this.#folder, folder))) {
        if (!HASH.test(name)) continue;
        const { size } = await stat(join(this.#folder, folder, name));
        yield { sha256: name, sizeBytes: size };
      }
    }
  }
}
