import { readFile } from 'node:fs/promises';
import { extname, resolve, sep } from 'node:path';
import { systemCodeOf } from '../errors';
import { CONTENT_SECURITY_POLICY } from './content-security';
import { pictureFile, readPicture } from './library-pictures';

/** Pictures come from strangers: opened as a page they could do nothing. */
const PICTURE_POLICY = "default-src 'none'; sandbox";

/** Scheme and host of the app's own pages. */
export const APP_SCHEME = 'app';
export const APP_HOST = 'tore';
export const APP_ORIGIN = `${APP_SCHEME}://${APP_HOST}`;
export const APP_PAGE = `${APP_ORIGIN}/index.html`;

/** Every kind of file the built pages consist of; what is not listed is not served. */
const MIME_TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.json': 'application/json; charset=utf-8',
  '.txt': 'text/plain; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.ico': 'image/x-icon',
  '.woff2': 'font/woff2',
  '.woff': 'font/woff',
  '.ttf': 'font/ttf',
};

/** Path of the file behind an address, or null for an address that names none inside `root`. */
export function resolveAppFile(address: string, root: string): string | null {
  if (!URL.canParse(address)) return null;
  const { protocol, host, pathname } = new URL(address);
  if (protocol !== `${APP_SCHEME}:` || host !== APP_HOST) return null;
  let path: string;
  try {
    path = decodeURIComponent(pathname);
  } catch {
    return null;
  }
  // Backslashes are separators on Windows, and a zero byte ends a path in the system's own functions.
  if (path.includes('\0') || path.includes('\\')) return null;
  const file = resolve(root, `.${path === '/' ? '/index.html' : path}`);
  return file.startsWith(resolve(root) + sep) && Object.hasOwn(MIME_TYPES, extname(file)) ? file : null;
}

/**
 * Answers requests of `app://` with the files of a folder, and with pictures of the library.
 * @param pictures - folder of the library's files
 */
export function createAppProtocolHandler(root: string, pictures: string): (request: Request) => Promise<Response> {
  const headers = {
    'content-security-policy': CONTENT_SECURITY_POLICY,
    'x-content-type-options': 'nosniff',
    'cross-origin-opener-policy': 'same-origin',
    'cross-origin-resource-policy': 'same-origin',
    'referrer-policy': 'no-referrer',
    'cache-control': 'no-cache',
  };
  return async (request) => {
    if (request.method !== 'GET') return new Response(null, { status: 405, headers });
    const picture = URL.canParse(request.url) ? pictureFile(new URL(request.url).pathname, pictures) : null;
    if (picture !== null) {
      const read = await readPicture(picture.path, picture.sha256);
      if ('status' in read) return new Response(null, { status: read.status, headers });
      const pictureHeaders = { ...headers, 'content-type': read.type, 'content-security-policy': PICTURE_POLICY };
      return new Response(new Uint8Array(read.bytes), { status: 200, headers: pictureHeaders });
    }
    const file = resolveAppFile(request.url, root);
    if (file === null) return new Response(null, { status: 404, headers });
    try {
      const bytes = await readFile(file);
      const type = MIME_TYPES[extname(file)] ?? 'application/octet-stream';
      return new Response(new Uint8Array(bytes), { status: 200, headers: { ...headers, 'content-type': type } });
    } catch (thrown) {
      const missing = systemCodeOf(thrown) === 'ENOENT' || systemCodeOf(thrown) === 'EISDIR';
      return new Response(null, { status: missing ? 404 : 500, headers });
    }
  };
}
