import { readFile, rename } from 'node:fs/promises';
import { join, parse } from 'node:path';
import { reasonOf, systemCodeOf } from '../errors';

/** A small file of the app's own holds a few kilobytes; more than this is something else. */
const MAX_DOCUMENT_BYTES = 1_000_000;

export type DocumentReading =
  | { readonly kind: 'absent' }
  | { readonly kind: 'read'; readonly value: unknown }
  /** There is a file, but it cannot be used; `reason` is one plain clause. */
  | { readonly kind: 'broken'; readonly reason: string };

/**
 * Reads a JSON file of the app's own.
 * @param maxBytes - what files of this kind never reach
 */
export async function readJsonDocument(path: string, maxBytes = MAX_DOCUMENT_BYTES): Promise<DocumentReading> {
  let bytes: Buffer;
  try {
    bytes = await readFile(path);
  } catch (thrown) {
    const code = systemCodeOf(thrown);
    return code === 'ENOENT'
      ? { kind: 'absent' }
      : { kind: 'broken', reason: `it cannot be read (${code ?? reasonOf(thrown)})` };
  }
  if (bytes.length > maxBytes) return { kind: 'broken', reason: 'it is far too large' };
  try {
    return { kind: 'read', value: JSON.parse(bytes.toString('utf8')) };
  } catch (thrown) {
    return { kind: 'broken', reason: thrown instanceof SyntaxError ? 'it is not JSON' : reasonOf(thrown) };
  }
}

/**
 * Moves a broken file out of the way, as `<name>.broken-<time>.json`, so that nothing in it is lost.
 * @returns the new path, or null when even that failed and the file stays where it is
 */
export async function keepBrokenFile(path: string, nowMs: number): Promise<string | null> {
  const { dir, name, ext } = parse(path);
  const time = new Date(nowMs).toISOString().replace(/[:.]/g, '-');
  const target = join(dir, `${name}.broken-${time}${ext}`);
  try {
    await rename(path, target);
    return target;
  } catch (thrown) {
    if (systemCodeOf(thrown) === 'ENOENT') return target;
    return null;
  }
}
