import type { Failure } from '../result';
import type { Problem } from './problems';

/**
 * Everything that can be wrong with a document and is not a bug.
 *
 * | group | codes |
 * |---|---|
 * | bytes | `empty`, `not-utf8`, `too-large` |
 * | JSON | `truncated`, `not-json`, `too-deep`, `too-many-values`, `duplicate-key`, `number-inexact` |
 * | which document | `not-a-document`, `unknown-spec`, `other-kind` |
 * | its fields | `invalid` |
 * | merging | `versions-differ` |
 * | canonical form, signatures | `not-canonical`, `not-signable`, `not-a-party`, `signature-missing`, `signature-unknown-key`, `signature-wrong` |
 */
export type DocumentErrorCode =
  | 'empty'
  | 'not-utf8'
  | 'too-large'
  | 'truncated'
  | 'not-json'
  | 'too-deep'
  | 'too-many-values'
  | 'duplicate-key'
  | 'number-inexact'
  | 'not-a-document'
  | 'unknown-spec'
  | 'other-kind'
  | 'invalid'
  | 'versions-differ'
  | 'not-canonical'
  | 'not-signable'
  | 'not-a-party'
  | 'signature-missing'
  | 'signature-unknown-key'
  | 'signature-wrong';

/** Why a document is not taken, with every problem found up to `DOCUMENT_LIMITS.maxProblems`. */
export interface DocumentFailure extends Failure<DocumentErrorCode> {
  /** Empty unless `code` is `invalid`. */
  readonly problems: readonly Problem[];
  /** Where reading stopped, counted in bytes of UTF-8 from 0; only for failures of bytes and JSON. */
  readonly byteOffset?: number;
}

/** A `Result` whose failure lists the problems. */
export type DocumentResult<Value> =
  { readonly ok: true; readonly value: Value } | { readonly ok: false; readonly error: DocumentFailure };

/** Builds a failure of a document. */
export function documentFailure(
  code: DocumentErrorCode,
  message: string,
  details: {
    readonly problems?: readonly Problem[];
    readonly byteOffset?: number;
    readonly suggestion?: string;
  } = {},
): { readonly ok: false; readonly error: DocumentFailure } {
  return { ok: false, error: { code, message, retryable: false, ...details, problems: details.problems ?? [] } };
}
