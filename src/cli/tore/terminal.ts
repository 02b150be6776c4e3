import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { DOCUMENT_LIMITS } from '../../protocol/documents/limits';
import { failure, success, type Result } from '../../protocol/result';

/** What scripts read: 0 done, 1 a document is not valid, 2 wrong use, 3 a file cannot be read or written. */
export const EXIT = { ok: 0, invalid: 1, usage: 2, io: 3 } as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** Stands for the standard input or output in place of a file. */
export const STREAM = '-';

/** The world around a command: files and the three streams. */
export interface Terminal {
  /** The bytes of a file, or of the standard input for `-`. */
  read(path: string): Promise<Result<Uint8Array, 'io'>>;
  /** Writes a file, or to the standard output for `-`. */
  write(path: string, text: string, options?: WriteOptions): Promise<Result<null, 'io'>>;
  /** A line for people. Data never goes there. */
  note(line: string): void;
}

/** How a file is written. */
export interface WriteOptions {
  /** Refuse to replace a file that is there. */
  readonly exclusive?: boolean;
  /** Only the owner may read it. */
  readonly secret?: boolean;
}

const OWNER_ONLY = 0o600;
const EVERYBODY_READS = 0o644;

function reasonOf(thrown: unknown): string {
  const code = thrown instanceof Error && 'code' in thrown ? String(thrown.code) : '';
  const reasons: Record<string, string> = {
    ENOENT: 'there is no such file',
    EACCES: 'access is denied',
    EEXIST: 'it is there already',
    EISDIR: 'it is a folder',
    ENOSPC: 'the disk is full',
  };
  return reasons[code] ?? (thrown instanceof Error ? thrown.message : String(thrown));
}

/** Reads a stream to its end, but never more than a document may have. */
async function readAll(stream: AsyncIterable<Uint8Array | string>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let sizeBytes = 0;
  for await (const chunk of stream) {
    chunks.push(Buffer.from(chunk));
    sizeBytes += chunk.length;
    // One byte more than allowed is enough for the reader to refuse it.
    if (sizeBytes > DOCUMENT_LIMITS.maxBytes) break;
  }
  return Buffer.concat(chunks);
}

/** The real terminal of this process. */
export const processTerminal: Terminal = {
  async read(path) {
    try {
      if (path === STREAM) return success(await readAll(process.stdin));
      const { size } = await stat(path);
      if (size > DOCUMENT_LIMITS.maxBytes) {
        const limit = DOCUMENT_LIMITS.maxBytes.toLocaleString('en-US');
        return failure('io', `This file is larger than ${limit} bytes, the most one document may have.`);
      }
      return success(await readFile(path));
    } catch (thrown) {
      return failure('io', `This file cannot be read: ${reasonOf(thrown)}.`);
    }
  },
  async write(path, text, { exclusive = false, secret = false } = {}) {
    try {
      if (path === STREAM) {
        await new Promise<void>((resolve, reject) => {
          process.stdout.write(text, (problem) => (problem ? reject(problem) : resolve()));
        });
      } else {
        await mkdir(dirname(path), { recursive: true });
        await writeFile(path, text, { flag: exclusive ? 'wx' : 'w', mode: secret ? OWNER_ONLY : EVERYBODY_READS });
      }
      return success(null);
    } catch (thrown) {
      return failure('io', `${path} cannot be written: ${reasonOf(thrown)}.`);
    }
  },
  note(line) {
    process.stderr.write(`${line}\n`);
  },
};
