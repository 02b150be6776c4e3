import { createHmac, timingSafeEqual } from 'node:crypto';
import { frameOpener, frameSealer } from '../../keys/sealed-frames';

/*
 * A link from one node of a pipeline to the next: a WebSocket of their own, for activations alone. The coordinator gives
 * both ends a secret that belongs to this link of this request.
 *
 *   previous hop                              next hop
 *                              ◀────────────  hello {nonce}
 *     link {request_id, proof} ────────────▶  proof: HMAC of the nonce under the secret
 *                              ◀────────────  linked
 *     sealed frames            ────────────▶  AES-256-GCM under a key made of secret and nonce
 */

export const DIRECT_PATH = '/pipeline';
export const DIRECT_SUBPROTOCOL = 'tore.v1.direct';

export const DIRECT_LIMITS = {
  /** The first message must come in this time. */
  greetingMs: 10_000,
  /** A proof may arrive before the coordinator has announced the request; it waits this long for it. */
  admissionMs: 10_000,
  /** Sockets at once; a node works on fewer requests than this. */
  maxConnections: 256,
  /** Connecting may take this long; activations take the way over the coordinator after it. */
  dialMs: 3_000,
  /** Bytes waiting to leave after which the next frame waits. */
  highWaterBytes: 8 * 1024 * 1024,
  maxGreetingBytes: 1_024,
} as const;

function derive(secret: string, text: string): Buffer {
  return createHmac('sha256', Buffer.from(secret, 'base64')).update(text, 'utf8').digest();
}

/** Shows that one holds the secret, for this request and this greeting alone. */
export function proofOf(secret: string, requestId: string, nonce: string): string {
  return derive(secret, `tore.v1 link\n${requestId}\n${nonce}`).toString('base64');
}

export function isProof(given: string, secret: string, requestId: string, nonce: string): boolean {
  const expected = Buffer.from(proofOf(secret, requestId, nonce), 'base64');
  const actual = Buffer.from(given, 'base64');
  return actual.length === expected.length && timingSafeEqual(actual, expected);
}

/** Seals the frames of one connection, in order. */
export function sealer(secret: string, nonce: string): (frame: Uint8Array) => Buffer {
  return frameSealer(derive(secret, `tore.v1 key\n${nonce}`));
}

/** Opens what `sealer` sealed, in the same order; null for anything else. */
export function opener(secret: string, nonce: string): (sealed: Uint8Array) => Buffer | null {
  return frameOpener(derive(secret, `tore.v1 key\n${nonce}`));
}
