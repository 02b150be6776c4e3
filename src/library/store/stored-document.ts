import { createHash } from 'node:crypto';
import { promisify } from 'node:util';
import { constants, deflateRaw, inflateRaw } from 'node:zlib';
import type { Conversation } from '../../protocol/conversation/conversation';
import type { ToreDocument } from '../../protocol/documents/read-document';
import { LibraryError } from './errors';

const deflate = promisify<Uint8Array, { level: number }, Buffer>(deflateRaw);
const inflate = promisify<Uint8Array, { maxOutputLength: number }, Buffer>(inflateRaw);

/** The fastest level: conversations shrink to a fifth either way, and imports wait for it. */
const LEVEL = constants.Z_BEST_SPEED;

/** A document as a row holds it. */
export interface StoredBlob {
  readonly bytes: Buffer;
  readonly jsonBytes: number;
}

/** Packs a document for the database. */
export async function packDocument(document: ToreDocument['document']): Promise<StoredBlob> {
  const json = Buffer.from(JSON.stringify(document));
  return { bytes: await deflate(json, { level: LEVEL }), jsonBytes: json.length };
}

/** Unpacks a document of the database. It was checked before it was packed. */
export async function unpackDocument<Document extends ToreDocument['document']>(
  bytes: Uint8Array,
  jsonBytes: number,
): Promise<Document> {
  try {
    const json = await inflate(bytes, { maxOutputLength: Math.max(1, jsonBytes) });
    return JSON.parse(json.toString('utf8')) as Document;
  } catch (thrown) {
    throw new LibraryError('library-corrupt', 'A document of the library is damaged and cannot be read.', {
      suggestion: 'Restore the library from a copy, or import the document again.',
      cause: thrown,
    });
  }
}

/**
 * SHA-256 of what a conversation says. Left out is what two exports of the same state differ in: when it was exported,
 * and ids and times that were derived because the source has none.
 */
export function conversationHash(conversation: Conversation): string {
  const { id: _id, created_at: _created, updated_at: _updated, source, ...rest } = conversation;
  const { exported_at: _exported, ...origin } = source;
  return createHash('sha256')
    .update(JSON.stringify([origin, rest]))
    .digest('hex');
}

/** SHA-256 of any other document. */
export function documentHash(document: ToreDocument['document']): string {
  return createHash('sha256').update(JSON.stringify(document)).digest('hex');
}

/** The files a document's detached attachments mean. */
export function detachedFiles(
  attachments:
    | readonly {
        readonly id: string;
        readonly storage: string;
        readonly size_bytes: number;
        readonly checksum: { readonly value: string };
        readonly data?: unknown;
      }[]
    | null
    | undefined,
): readonly { readonly attachmentId: string; readonly sha256: string }[] {
  return (attachments ?? [])
    .filter((entry) => entry.storage === 'inline' && entry.data === '' && entry.size_bytes > 0)
    .map((entry) => ({ attachmentId: entry.id, sha256: entry.checksum.value }));
}
