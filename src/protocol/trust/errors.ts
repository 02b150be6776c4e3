import { failure, type Failure, type Result } from '../result';

/**
 * Why a record, a message, a link or a request of tore-0002 is refused.
 *
 * | group | codes |
 * |---|---|
 * | form | `message-invalid`, `message-too-large`, `message-kind-unknown` |
 * | signature | `signature-wrong`, `key-replaced`, `key-link-invalid`, `not-canonical` |
 * | address | `wrongly-addressed`, `handshake-unknown`, `record-unknown` |
 * | time | `message-expired`, `message-from-future`, `request-stale`, `handshake-expired` |
 * | order | `message-replayed`, `message-conflict`, `message-early`, `handshake-known` |
 * | rules | `not-allowed`, `handshake-over`, `quota-exceeded`, `challenge-unknown`, `challenge-answered`, `hash-mismatch`, `verdicts-incomplete`, `agreement-foreign`, `agreement-unsigned`, `agreement-not-in-force` |
 */
export type TrustErrorCode =
  | 'message-invalid'
  | 'message-too-large'
  | 'message-kind-unknown'
  | 'signature-wrong'
  | 'key-replaced'
  | 'key-link-invalid'
  | 'not-canonical'
  | 'wrongly-addressed'
  | 'handshake-unknown'
  | 'record-unknown'
  | 'message-expired'
  | 'message-from-future'
  | 'request-stale'
  | 'handshake-expired'
  | 'message-replayed'
  | 'message-conflict'
  | 'message-early'
  | 'handshake-known'
  | 'not-allowed'
  | 'handshake-over'
  | 'quota-exceeded'
  | 'challenge-unknown'
  | 'challenge-answered'
  | 'hash-mismatch'
  | 'verdicts-incomplete'
  | 'agreement-foreign'
  | 'agreement-unsigned'
  | 'agreement-not-in-force';

export type TrustFailure = Failure<TrustErrorCode>;
export type TrustResult<Value> = Result<Value, TrustErrorCode>;

/** Builds a refusal of this folder. */
export function refuseTrust(
  code: TrustErrorCode,
  message: string,
  options: { readonly retryable?: boolean; readonly suggestion?: string } = {},
): { readonly ok: false; readonly error: TrustFailure } {
  return failure<TrustErrorCode>(code, message, options);
}
