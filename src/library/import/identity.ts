import { createHash } from 'node:crypto';
import { v5 as uuidFromName } from 'uuid';
import { DOCUMENT_LIMITS } from '../../protocol/documents/limits';

/** Namespace of the ids we derive (a UUID of our own), so that the same source always gives the same id. */
const ID_NAMESPACE = '0f6d7c1e-6a52-4b61-9d38-7f1f0a5e3b0c';

/** A stable id for a thing of another product. */
export function derivedId(...names: readonly string[]): string {
  // JSON keeps the names apart and writes halves of characters as escapes, which have no bytes of their own.
  return uuidFromName(JSON.stringify(names), ID_NAMESPACE);
}

/** The SHA-256 of a text or of bytes, lower-case hexadecimal. */
export function contentHash(content: string | Uint8Array): string {
  return createHash('sha256').update(content).digest('hex');
}

/** An id that fits the documents: the source's own where it does, else one derived from it. */
export function fittingId(id: string): string {
  return id.length >= 1 && id.length <= DOCUMENT_LIMITS.maxIdLength ? id : derivedId('long-id', contentHash(id));
}

/** A name cut to what the documents allow. */
export function fittingName(name: string): string {
  return name.slice(0, DOCUMENT_LIMITS.maxNameLength);
}
