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

const SPLIT = { suggestion: 'Split it into smaller ones, or export its conversations one by one.' };

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

/** Characters of base64 that a content takes. */
function base64Length(sizeBytes: number): number {
  return Math.ceil(sizeBytes / 3) * 4;
}

/** Gives detached attachments a placeholder for their content, or makes them references when it would not fit. */
class Placeholders {
  readonly inserted: Inserted[] = [];
  readonly leftOut: string[] = [];
  readonly #mark = randomUUID();
  readonly #roomBytes: number;
  /** Bytes of all contents inserted, in base64. */
  contentBytes = 0;
  /** Bytes that stand in the text for them. */
  placeholderBytes = 0;

  constructor(roomBytes: number) {
    this.#roomBytes = roomBytes;
  }

  apply(attachments: readonly Attachment[]): Attachment[] {
    return attachments.map((attachment) => {
      if (attachment.storage !== 'inline' || attachment.data !== '' || attachment.size_bytes === 0) return attachment;
      const length = base64Length(attachment.size_bytes);
      const { data: _data, uri, ...described } = attachment;
      if (length > DOCUMENT_LIMITS.maxInlineDataLength || this.contentBytes + length > this.#roomBytes) {
        this.leftOut.push(attachment.name);
        return { ...described, storage: 'reference', uri: uri ?? `urn:sha-256:${attachment.checksum.value}` };
      }
      const placeholder = `${this.#mark}-${this.inserted.length}`;
      this.inserted.push({ placeholder, sha256: attachment.checksum.value });
      this.contentBytes += length;
      this.placeholderBytes += placeholder.length;
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
 * Writes a document of the library as a file of its own, with the content of its attachments inside, as far as both fit into
 * what a document may hold. The content is streamed from the library, so a document of many images costs no more memory
 * than its text.
 *
 * @param maxBytes - a smaller limit than that of all documents, never a larger one.
 * @throws {LibraryError} `too-large` for a text that does not fit; while reading, `not-found` or `checksum-mismatch` for an
 * attachment.
 */
export function writeDocumentStream(
  document: ToreDocument['document'],
  files: FileReader,
  maxBytes: number = DOCUMENT_LIMITS.maxBytes,
): DocumentStream {
  for (let roomBytes = maxBytes; ;) {
    const placeholders = new Placeholders(roomBytes);
    const written = writeDocument(withPlaceholders(document, placeholders), maxBytes);
    if (!written.ok) throw new LibraryError('too-large', written.error.message, SPLIT);
    const { inserted, leftOut, contentBytes, placeholderBytes } = placeholders;
    const excessBytes = Buffer.byteLength(written.value) - placeholderBytes + contentBytes - maxBytes;
    if (excessBytes <= 0) return { chunks: filled(written.value, inserted, files), leftOut };
    if (contentBytes === 0) {
      const limit = `${(maxBytes / 1_048_576).toLocaleString('en-US')} MB`;
      throw new LibraryError('too-large', `The text of this document alone is larger than ${limit}.`, SPLIT);
    }
    // Less than all that was put in now, so at least one content goes each time.
    roomBytes = contentBytes - excessBytes;
  }
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
