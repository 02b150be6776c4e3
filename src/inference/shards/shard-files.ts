import { mkdir, open, readdir, readFile, rename, rm, stat, statfs } from 'node:fs/promises';
import { engineFailure, reasonOf, type EngineFailure } from '../errors';
import { systemCodeOf } from '../models/file-reading';

/** A file being written, in any order of its parts. */
export interface ShardFileWriter {
  write(bytes: Uint8Array, positionBytes: number): Promise<void>;
  /** Cuts the file, or extends it with zeros, where possible without writing them. */
  resize(sizeBytes: number): Promise<void>;
  /** Returns once the bytes are on the disk. */
  sync(): Promise<void>;
  close(): Promise<void>;
}

/** What cutting a shard asks of the file system; every call may throw what node:fs throws. */
export interface ShardFileSystem {
  makeFolder(path: string): Promise<void>;
  create(path: string): Promise<ShardFileWriter>;
  /** Opens a file that is there and goes on writing it. */
  reopen(path: string): Promise<ShardFileWriter>;
  rename(from: string, to: string): Promise<void>;
  /** Removes a file or folder with all in it; succeeds where there is none. */
  remove(path: string): Promise<void>;
  list(path: string): Promise<string[]>;
  /** Undefined where there is no such file. */
  sizeOf(path: string): Promise<number | undefined>;
  /** Milliseconds since 1970; undefined where there is no such file. */
  modifiedAt(path: string): Promise<number | undefined>;
  readText(path: string): Promise<string | undefined>;
  freeBytes(path: string): Promise<number>;
}

export const nodeShardFileSystem: ShardFileSystem = {
  async makeFolder(path) {
    await mkdir(path, { recursive: true });
  },
  create: (path) => openWriter(path, 'wx'),
  reopen: (path) => openWriter(path, 'r+'),
  rename,
  async remove(path) {
    await rm(path, { recursive: true, force: true });
  },
  list: (path) => readdir(path),
  async sizeOf(path) {
    return whereItExists(async () => (await stat(path)).size);
  },
  async modifiedAt(path) {
    return whereItExists(async () => (await stat(path)).mtimeMs);
  },
  async readText(path) {
    return whereItExists(() => readFile(path, 'utf8'));
  },
  async freeBytes(path) {
    const { bavail, bsize } = await statfs(path);
    return bavail * bsize;
  },
};

async function openWriter(path: string, flags: 'wx' | 'r+'): Promise<ShardFileWriter> {
  const handle = await open(path, flags);
  return {
    async write(bytes, positionBytes) {
      let done = 0;
      while (done < bytes.length) {
        const { bytesWritten } = await handle.write(bytes, done, bytes.length - done, positionBytes + done);
        done += bytesWritten;
      }
    },
    resize: (sizeBytes) => handle.truncate(sizeBytes),
    sync: () => handle.sync(),
    close: () => handle.close(),
  };
}

async function whereItExists<Value>(read: () => Promise<Value>): Promise<Value | undefined> {
  try {
    return await read();
  } catch (thrown) {
    if (systemCodeOf(thrown) === 'ENOENT') return undefined;
    throw thrown;
  }
}

/** Turns what a file system threw while a shard was written into a failure the user can act on. */
export function diskFailure(
  thrown: unknown,
  folder: string,
  neededBytes: number,
  kept = 'The unfinished shard was removed.',
): { readonly ok: false; readonly error: EngineFailure } {
  switch (systemCodeOf(thrown)) {
    case 'ENOSPC':
    case 'EDQUOT':
      return engineFailure('disk-full', `The disk of ${folder} is full. ${kept}`, {
        retryable: true,
        suggestion: `Free ${formatBytes(neededBytes)} there, choose another cache folder, or serve fewer layers.`,
      });
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return engineFailure('disk-denied', `This program may not write to ${folder}. ${kept}`, {
        suggestion: 'Allow writing there or choose another cache folder.',
      });
    default:
      return engineFailure('disk-failed', `Writing to ${folder} failed: ${reasonOf(thrown)}. ${kept}`, {
        retryable: true,
      });
  }
}

/** A size for people, in the binary units operating systems show. */
export function formatBytes(sizeBytes: number): string {
  const units = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB'];
  let value = sizeBytes;
  let unit = 0;
  while (value >= 1_024 && unit < units.length - 1) {
    value /= 1_024;
    unit++;
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit] ?? ''}`;
}
