import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { rasterTypeOf } from '../../protocol/documents/raster-type';
import { systemCodeOf } from '../errors';

/** Where pictures of the library are, as the page addresses them. */
export const LIBRARY_PICTURE_PATH = '/library-pictures/';
/** Larger ones are saved and looked at elsewhere: a window that decodes them takes gigabytes. */
const MAX_PICTURE_BYTES = 67_108_864;
const HASH = /^[0-9a-f]{64}$/;

/** The file a picture's address means, or null for any other address. */
export function pictureFile(
  pathname: string,
  filesFolder: string,
): { readonly path: string; readonly sha256: string } | null {
  if (!pathname.startsWith(LIBRARY_PICTURE_PATH)) return null;
  const sha256 = pathname.slice(LIBRARY_PICTURE_PATH.length);
  return HASH.test(sha256) ? { sha256, path: join(filesFolder, sha256.slice(0, 2), sha256) } : null;
}

/**
 * A picture of the library, checked: made of pixels by its first bytes, not too large, and still what its name says.
 * @returns the type and the bytes, or the status to answer with.
 */
export async function readPicture(
  path: string,
  sha256: string,
): Promise<{ readonly type: string; readonly bytes: Uint8Array } | { readonly status: 404 | 413 | 415 | 500 }> {
  try {
    const file = await open(path, 'r');
    try {
      const { size } = await file.stat();
      if (size > MAX_PICTURE_BYTES) return { status: 413 };
      const bytes = await file.readFile();
      const type = rasterTypeOf(bytes);
      if (type === null) return { status: 415 };
      if (createHash('sha256').update(bytes).digest('hex') !== sha256) return { status: 500 };
      return { type, bytes };
    } finally {
      await file.close();
    }
  } catch (thrown) {
    return { status: systemCodeOf(thrown) === 'ENOENT' ? 404 : 500 };
  }
}
