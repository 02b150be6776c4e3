import { documentFailure, type DocumentResult } from './errors';
import { DOCUMENT_LIMITS } from './limits';
import type { ToreDocument } from './read-document';
import { isShallow } from './shallow-json';
import { utf8Bytes } from './utf-8';

const INDENTATION = 2;

/**
 * Writes a document as the text of a file: two spaces of indentation, fields in the order they have, a line feed at the
 * end. Where the indentation would make it too large to be read again there is none. Reading it back gives a canonically
 * equal document; the same document always gives the same bytes. Lone surrogates become escapes, so the text can always be
 * encoded as UTF-8.
 *
 * @param maxBytes - bytes of UTF-8 beyond which indentation is left out.
 * @returns `too-large` when the text would be longer than the engine's longest string, `too-deep` when no reader would take
 * it.
 */
export function writeDocument(
  document: ToreDocument['document'],
  maxBytes: number = DOCUMENT_LIMITS.maxBytes,
): DocumentResult<string> {
  if (!isShallow(document)) {
    return documentFailure('too-deep', `This document nests more than ${DOCUMENT_LIMITS.maxDepth} levels.`);
  }
  const indented = textOf(document, INDENTATION);
  const text = indented !== null && utf8Bytes(indented) < maxBytes ? indented : textOf(document, 0);
  if (text !== null) return { ok: true, value: `${text}\n` };
  return documentFailure('too-large', 'This document is too large for one file.', {
    suggestion: 'Store large attachments by reference, or split the project.',
  });
}

/** Null when it would be longer than the engine's longest string. */
function textOf(document: ToreDocument['document'], indentation: number): string | null {
  try {
    return JSON.stringify(document, null, indentation);
  } catch (thrown) {
    if (!(thrown instanceof RangeError)) throw thrown;
    return null;
  }
}
