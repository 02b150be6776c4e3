import { open } from 'node:fs/promises';
import { crc32 } from 'node:zlib';
import { openPromise, type Entry, type ZipFile } from 'yauzl';
import { LibraryError, reasonOf } from '../store/errors';
import type { FileCollection, FileEntry } from './file-collection';
import { IMPORT_LIMITS } from './limits';
import type { ReportEntry } from './import-report';

const LOCAL_HEADER = Buffer.from([0x50, 0x4b, 0x03, 0x04]);
/** An archive without any entry begins with its end. */
const EMPTY_ARCHIVE = Buffer.from([0x50, 0x4b, 0x05, 0x06]);

const FILE_TYPE_MASK = 0xf000;
const SYMBOLIC_LINK = 0xa000;
/** Bits above these hold the Unix mode when a Unix program packed the file. */
const UNIX_MODE_SHIFT = 16;

/** Whether a file is a zip archive, by its first bytes. */
export async function isArchive(path: string): Promise<boolean> {
  const file = await open(path, 'r');
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(4), 0, 4, 0);
    const head = buffer.subarray(0, bytesRead);
    return head.equals(LOCAL_HEADER) || head.equals(EMPTY_ARCHIVE);
  } finally {
    await file.close();
  }
}

function unsafe(message: string): LibraryError {
  return new LibraryError('archive-unsafe', `${message} Nothing was imported.`, {
    suggestion: 'Real exports hold nothing of the kind. Download the export again from the product itself.',
  });
}

function bomb(message: string): LibraryError {
  return new LibraryError('archive-bomb', `${message} Nothing was imported.`, {
    suggestion: 'If the archive is real, unpack it yourself and choose the folder.',
  });
}

function broken(thrown: unknown): LibraryError {
  const reason = reasonOf(thrown);
  // The words of the zip reader for names that lead out of the archive.
  if (/invalid relative path|absolute path|invalid characters in fileName/.test(reason)) {
    return unsafe(`The archive holds a file whose name leads out of it (${reason}).`);
  }
  return new LibraryError('archive-broken', `The archive is damaged: ${reason}.`, {
    suggestion: 'Download it again.',
    cause: thrown,
  });
}

/**
 * Opens a zip archive: reads its table of contents and refuses what could harm before a byte is unpacked. The sizes it
 * claims are enforced while reading.
 *
 * @throws {LibraryError} `archive-broken`, `archive-unsafe` (names that lead outside, links), `archive-bomb`,
 *   `archive-encrypted`.
 */
export async function openArchive(path: string): Promise<FileCollection> {
  let zip: ZipFile;
  try {
    zip = await openPromise(path, { autoClose: false, validateEntrySizes: true });
  } catch (thrown) {
    throw broken(thrown);
  }
  try {
    return await readContents(zip);
  } catch (thrown) {
    zip.close();
    throw thrown instanceof LibraryError ? thrown : broken(thrown);
  }
}

async function readContents(zip: ZipFile): Promise<FileCollection> {
  if (zip.entryCount > IMPORT_LIMITS.maxEntries) {
    throw bomb(`The archive holds more than ${IMPORT_LIMITS.maxEntries} files.`);
  }
  const entries: FileEntry[] = [];
  const skipped: ReportEntry[] = [];
  let packedBytes = 0;
  let unpackedBytes = 0;
  for await (const entry of zip.eachEntry()) {
    packedBytes += entry.compressedSize;
    unpackedBytes += entry.uncompressedSize;
    checkSizes(packedBytes, unpackedBytes, zip.fileSize);
    if (((entry.externalFileAttributes >>> UNIX_MODE_SHIFT) & FILE_TYPE_MASK) === SYMBOLIC_LINK) {
      throw unsafe(`The archive holds a link (${entry.fileName}) instead of a file.`);
    }
    if (entry.fileName.endsWith('/')) continue;
    if (entry.isEncrypted()) {
      throw new LibraryError('archive-encrypted', 'The archive is protected by a password.', {
        suggestion: 'Unpack it with the password and choose the folder.',
      });
    }
    if (entry.canDecodeFileData()) entries.push(zipEntry(zip, entry));
    else skipped.push({ what: entry.fileName, why: 'it is packed by a method this program cannot unpack' });
  }
  return {
    kind: 'archive',
    entries,
    skipped,
    close: () => {
      zip.close();
      return Promise.resolve();
    },
  };
}

function checkSizes(packedBytes: number, unpackedBytes: number, archiveBytes: number): void {
  if (packedBytes > archiveBytes) throw bomb('The files of the archive overlap each other.');
  if (unpackedBytes > IMPORT_LIMITS.maxUnpackedBytes) {
    throw bomb(`The archive unpacks to more than ${IMPORT_LIMITS.maxUnpackedBytes / 1_073_741_824} GB.`);
  }
  if (unpackedBytes > IMPORT_LIMITS.ratioFreeBytes && unpackedBytes > archiveBytes * IMPORT_LIMITS.maxUnpackRatio) {
    throw bomb(`The archive unpacks to more than ${IMPORT_LIMITS.maxUnpackRatio} times its size.`);
  }
}

function zipEntry(zip: ZipFile, entry: Entry): FileEntry {
  const modifiedAt = entry.getLastModDate({ timezone: 'UTC' });
  return {
    name: entry.fileName,
    sizeBytes: entry.uncompressedSize,
    modifiedAt: Number.isNaN(modifiedAt.getTime()) ? null : modifiedAt.toISOString(),
    open: async () => unpacked(zip, entry),
  };
}

/** The bytes of an entry. The zip reader checks their number; that they are the ones that were packed is checked here. */
async function* unpacked(zip: ZipFile, entry: Entry): AsyncGenerator<Buffer> {
  let checksum = 0;
  try {
    for await (const chunk of await zip.openReadStreamPromise(entry)) {
      checksum = crc32(chunk as Buffer, checksum);
      yield chunk as Buffer;
    }
    if (checksum !== entry.crc32) throw new Error(`the checksum of ${entry.fileName} does not match its content`);
  } catch (thrown) {
    throw thrown instanceof LibraryError ? thrown : broken(thrown);
  }
}
