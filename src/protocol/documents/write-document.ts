import { documentFailure, type DocumentResult } from './errors';
import type { ToreDocument } from './read-document';

const INDENTATION = 2;

/**
 * Writes a document as the text of a file: two spaces of indentation, fields in the order they have, a line feed at the
 * end. Reading it back gives a canonically equal document; the same document always gives the same bytes. Lone surrogates
 * become escapes, so the text can always be encoded as UTF-8.
 *
 * @returns `too-large` when the text would be longer than the engine's longest string.
 */
export function writeDocument(document: ToreDocument['document']): DocumentResult<string> {
  try {
    return { ok: true, value: `${JSON.stringify(document, null, INDENTATION)}\n` };
  } catch (thrown) {
    if (!(thrown instanceof RangeError)) throw thrown;
    return documentFailure('too-large', 'This document is too large for one file.', {
      suggestion: 'Store large attachments by reference, or split the project.',
    });
  }
}
