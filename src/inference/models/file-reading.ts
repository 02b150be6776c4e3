import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, stat, type FileHandle } from 'node:fs/promises';
import { success, type Result } from '../../protocol/result';
import { cancelledFailure, engineFailure, reasonOf, type EngineErrorCode } from '../errors';
import { parseBoundedJson } from './bounded-json';

/** Error code a thrown value of node:fs carries, such as `ENOENT`. */
export function systemCodeOf(thrown: unknown): string | undefined {
  if (!(thrown instanceof Error) || !('code' in thrown)) return undefined;
  return typeof thrown.code === 'string' ? thrown.code : undefined;
}

/** Whether a path is a readable regular file; other failures than its absence count as absent too and show on reading. */
export async function fileExists(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isFile();
  } catch {
    return false;
  }
}

/**
 * Reads a whole text file whose size is limited before a byte of it is read.
 *
 * @param name - how the file is called in messages
 */
export async function readTextFile(
  path: string,
  name: string,
  maxBytes: number,
): Promise<Result<string, EngineErrorCode>> {
  const bytes = await readBytes(path, name, maxBytes);
  return bytes.ok ? success(bytes.value.toString('utf8')) : bytes;
}

async function readBytes(path: string, name: string, maxBytes: number): Promise<Result<Buffer, EngineErrorCode>> {
  try {
    const handle = await open(path, 'r');
    try {
      const { size } = await handle.stat();
      if (size > maxBytes) {
        return engineFailure('model-invalid', `${name} has ${size} bytes; at most ${maxBytes} are read.`);
      }
      // So much and no more, should it grow meanwhile.
      const bytes = Buffer.alloc(size);
      await readFully(handle, bytes, 0);
      return success(bytes);
    } finally {
      await handle.close();
    }
  } catch (thrown) {
    if (systemCodeOf(thrown) === 'ENOENT') {
      return engineFailure('model-not-found', `${name} is missing in the model folder.`, {
        suggestion: 'Choose a folder in the Hugging Face layout: config.json, model.safetensors and tokenizer.json.',
      });
    }
    return engineFailure('model-not-found', `${name} could not be read: ${reasonOf(thrown)}`);
  }
}

/** Reads and parses a JSON file within `JSON_LIMITS`; the value is unknown until a schema has checked it. */
export async function readJsonFile(
  path: string,
  name: string,
  maxBytes: number,
): Promise<Result<unknown, EngineErrorCode>> {
  const bytes = await readBytes(path, name, maxBytes);
  if (!bytes.ok) return bytes;
  try {
    return success(parseBoundedJson(bytes.value));
  } catch (thrown) {
    return engineFailure('model-invalid', `${name} is not valid JSON: ${reasonOf(thrown)}`);
  }
}

/**
 * SHA-256 of a file, streamed.
 *
 * @param onBlock - given each block in order
 */
export async function hashFile(
  path: string,
  name: string,
  options: { readonly onBlock?: (block: Uint8Array) => void; readonly signal?: AbortSignal | undefined } = {},
): Promise<Result<{ sha256: string; sizeBytes: number }, EngineErrorCode>> {
  const hash = createHash('sha256');
  let sizeBytes = 0;
  try {
    for await (const block of createReadStream(path, { highWaterMark: 1 << 20 }) as AsyncIterable<Buffer>) {
      if (options.signal?.aborted === true) return cancelledFailure('Reading the model');
      hash.update(block);
      sizeBytes += block.length;
      options.onBlock?.(block);
    }
  } catch (thrown) {
    return engineFailure('model-not-found', `${name} could not be read: ${reasonOf(thrown)}`);
  }
  return success({ sha256: hash.digest('hex'), sizeBytes });
}

/** Fills `target` from a place of a file. @throws when the file ends before. */
export async function readFully(handle: FileHandle, target: Uint8Array, position: number): Promise<void> {
  let done = 0;
  while (done < target.length) {
    const { bytesRead } = await handle.read(target, done, target.length - done, position + done);
    if (bytesRead === 0) throw new Error('the file ended early');
    done += bytesRead;
  }
}
