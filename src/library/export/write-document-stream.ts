import { randomUUID } from 'node:crypto';
import type { Conversation } from '../../protocol/conversation/conversation';
import type { Attachment } from '../../protocol/documents/attachment';
import { DOCUMENT_LIMITS } from '../../protocol/documents/limits';
import type { ToreDocument } from '../../protocol/documents/read-document';
import { writeDocument } from '../../protocol/documents/write-document';
import { LibraryError } from '../store/errors';

/** Where the bytes of detached attachments are. */
export interface FileReader {
  read(sha256: string): AsyncIterable<Uint8Array>;
}

/** Room left in a document for everything that is not content of attachments. */
const RESERVED_BYTES = 16_777_216;

interface Inserted {
  readonly placeholder: string;
  readonly sha256: string;
}

/** A document on its way into a file. */
export interface DocumentStream {
  readonly chunks: AsyncIterable<Buffer>;
  /** Attachments that were too large to be written into the document and are named by their checksum only. */
  readonly leftOut: readonly string[];
}

/** Gives detached attachments a placeholder for their content, or makes them references when it would not fit. */
class Placeholders {
  readonly inserted: Inserted[] = [];
  readonly leftOut: string[] = [];
  readonly #mark = randomUUID();
  #roomBytes = DOCUMENT_LIMITS.maxBytes - RESERVED_BYTES;

  apply(attachments: readonly Attachment[]): Attachment[] {
    return attachments.map((attachment) => {
      if (attachment.storage !== 'inline' || attachment.data !== '' || attachment.size_bytes === 0) return attachment;
      const length = Math.ceil(attachment.size_bytes / 3) * 4;
      const { data: _data, uri, ...described } = attachment;
      if (length > DOCUMENT_LIMITS.maxInlineDataLength || length > this.#roomBytes) {
        this.leftOut.push(attachment.name);
        return { ...described, storage: 'reference', uri: uri ?? `urn:sha-256:${attachment.checksum.value}` };
      }
      this.#roomBytes -= length;
      const placeholder = `${this.#mark}-${this.inserted.length}`;
      this.inserted.push({ placeholder, sha256: attachment.checksum.value });
      return { ...attachment, data: placeholder };
    });
  }

  conversation(conversation: Conversation): Conversation {
    const { attachments } = conversation;
    if (attachments === null || attachments === undefined) return conversation;
    return { ...conversation, attachments: this.apply(attachments) };
  }
}

function withPlaceholders(document: ToreDocument['document'], placeholders: Placeholders): ToreDocument['document'] {
  if (document.tore_spec === 'tore-0005') return placeholders.conversation(document);
  if (document.tore_spec !== 'tore-0004') return document;
  return {
    ...document,
    attachments: placeholders.apply(document.attachments),
    conversations: document.conversations.map((entry) =>
      'tore_spec' in entry ? placeholders.conversation(entry) : entry,
    ),
  };
}

/** Base64 of a stream, in pieces whose bytes are a multiple of three, so that no padding comes in between. */
export async function* base64Of(content: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  let rest = Buffer.alloc(0);
  for await (const chunk of content) {
    const bytes = rest.length === 0 ? Buffer.from(chunk) : Buffer.concat([rest, chunk]);
    const whole = bytes.length - (bytes.length % 3);
    if (whole > 0) yield Buffer.from(bytes.toString('base64', 0, whole));
    rest = Buffer.from(bytes.subarray(whole));
  }
  if (rest.length > 0) yield Buffer.from(rest.toString('base64'));
}

/**
 * Writes a document of the library as a file of its own, with the content of its attachments inside. The content is
 * streamed from the library, so a document of many images costs no more memory than its text.
 *
 * @throws {LibraryError} `too-large`; while reading, `not-found` or `checksum-mismatch` for an attachment.
 */
export function writeDocumentStream(document: ToreDocument['document'], files: FileReader): DocumentStream {
  const placeholders = new Placeholders();
  const written = writeDocument(withPlaceholders(document, placeholders));
  if (!written.ok) throw new LibraryError('too-large', written.error.message);
  return { chunks: filled(written.value, placeholders.inserted, files), leftOut: placeholders.leftOut };
}

async function* filled(text: string, inserted: readonly Inserted[], files: FileReader): AsyncGenerator<Buffer> {
  let at = 0;
  // A document's attachments may stand before or behind its conversations, whatever the order of its fields.
  const places = inserted
    .map((entry) => ({ ...entry, at: text.indexOf(`"${entry.placeholder}"`) + 1 }))
    .sort((a, b) => a.at - b.at);
  for (const place of places) {
    yield Buffer.from(text.slice(at, place.at));
    yield* base64Of(files.read(place.sha256));
    at = place.at + place.placeholder.length;
  }
  yield Buffer.from(text.slice(at));
}
