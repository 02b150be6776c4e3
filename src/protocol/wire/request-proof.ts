/*
 * Signed HTTP requests (tore-0001, access policies "keyed" and "institution"). A request carries four headers; the
 * signature covers the coordinator, the call and its body, so it serves nowhere else, for nothing else, and once.
 *
 *   x-tore-key        raw Ed25519 public key, 32 bytes in base64
 *   x-tore-time       milliseconds since 1970-01-01 UTC at the sender
 *   x-tore-nonce      random text, never used twice by this key
 *   x-tore-signature  Ed25519 over `requestProofText`, base64
 */

export const REQUEST_PROOF_HEADERS = {
  key: 'x-tore-key',
  time: 'x-tore-time',
  nonce: 'x-tore-nonce',
  signature: 'x-tore-signature',
  /** Bearer of a short session, where `Authorization` already carries the coordinator's access token. */
  session: 'x-tore-session',
} as const;

export const REQUEST_PROOF_LIMITS = {
  /** Clocks of people's machines are off by minutes; nonces are remembered for as long. */
  maxClockDifferenceMs: 300_000,
  minNonceLength: 16,
  maxNonceLength: 100,
} as const;

/** What a signature covers. */
export interface RequestProof {
  readonly coordinatorId: string;
  /** In capitals. */
  readonly method: string;
  /** Path with its query, as sent on the request line. */
  readonly target: string;
  readonly timeMs: number;
  readonly nonce: string;
  /** SHA-256 of the body's bytes, lower-case hexadecimal; of nothing for a request without a body. */
  readonly bodySha256: string;
}

/** The text whose UTF-8 bytes are signed. No part can hold a line break, so no two requests share a text. */
export function requestProofText(proof: RequestProof): string {
  const { coordinatorId, method, target, timeMs, nonce, bodySha256 } = proof;
  return ['tore.v1 request', coordinatorId, method, target, String(timeMs), nonce, bodySha256].join('\n');
}
