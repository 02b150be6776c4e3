import { createReadStream } from 'node:fs';
import { open, readdir, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { LibraryError, reasonOf, systemCodeOf } from '../store/errors';
import { isArchive, openArchive } from './archive';
import type { FileCollection, FileEntry } from './file-collection';
import { IMPORT_LIMITS } from './limits';
import type { ReportEntry } from './import-report';

/** Larger than the default, so that a gigabyte takes thousands of steps and not tens of thousands. */
const CHUNK_BYTES = 262_144;

function cannotRead(path: string, thrown: unknown): LibraryError {
  const code = systemCodeOf(thrown);
  if (code === 'ENOENT') return new LibraryError('file-missing', `There is no file ${path}.`);
  return new LibraryError('file-unreadable', `${path} cannot be read: ${reasonOf(thrown)}.`, { cause: thrown });
}

function diskEntry(path: string, name: string, sizeBytes: number, modifiedAt: Date): FileEntry {
  return {
    name,
    sizeBytes,
    modifiedAt: modifiedAt.toISOString(),
    open: async () => {
      try {
        const file = await open(path, 'r');
        return createReadStream(path, { fd: file, highWaterMark: CHUNK_BYTES });
      } catch (thrown) {
        throw cannotRead(path, thrown);
      }
    },
  };
}

/** Opens what a path names. Links inside a folder are not followed: they may lead anywhere. */
export async function openCollection(path: string): Promise<FileCollection> {
  try {
    const found = await stat(path);
    if (found.isDirectory()) return await openFolder(path);
    if (!found.isFile()) throw new LibraryError('file-unreadable', `${path} is neither a file nor a folder.`);
    if (await isArchive(path)) return await openArchive(path);
    const entry = diskEntry(path, basename(path), found.size, found.mtime);
    return { kind: 'file', entries: [entry], skipped: [], close: () => Promise.resolve() };
  } catch (thrown) {
    throw thrown instanceof LibraryError ? thrown : cannotRead(path, thrown);
  }
}

async function openFolder(root: string): Promise<FileCollection> {
  const entries: FileEntry[] = [];
  const skipped: ReportEntry[] = [];
  const waiting: { readonly path: string; readonly name: string; readonly depth: number }[] = [
    { path: root, name: '', depth: 0 },
  ];
  for (let folder = waiting.pop(); folder !== undefined; folder = waiting.pop()) {
    const children = (await readdir(folder.path, { withFileTypes: true })).sort((a, b) => (a.name < b.name ? -1 : 1));
    for (const child of children) {
      const path = join(folder.path, child.name);
      const name = folder.name === '' ? child.name : `${folder.name}/${child.name}`;
      if (child.isSymbolicLink()) skipped.push({ what: name, why: 'it is a link to another place' });
      else if (child.isDirectory()) {
        if (folder.depth < IMPORT_LIMITS.maxFolderDepth) waiting.push({ path, name, depth: folder.depth + 1 });
        else skipped.push({ what: name, why: `it is more than ${IMPORT_LIMITS.maxFolderDepth} folders deep` });
      } else if (child.isFile()) {
        const found = await stat(path);
        entries.push(diskEntry(path, name, found.size, found.mtime));
      }
      if (entries.length > IMPORT_LIMITS.maxEntries) {
        throw new LibraryError('too-large', `The folder holds more than ${IMPORT_LIMITS.maxEntries} files.`, {
          suggestion: 'Choose the folder of one export.',
        });
      }
    }
  }
  return { kind: 'folder', entries, skipped, close: () => Promise.resolve() };
}
