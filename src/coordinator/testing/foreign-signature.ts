import { createHash, randomBytes, sign } from 'node:crypto';
import type { TestKey } from './ws-node';

/* A client that signs requests as the documentation has it, without our functions. */

export interface SignOptions {
  readonly coordinatorId: string;
  readonly timeMs?: number;
  readonly nonce?: string;
  /** Signed in place of the body that is sent. */
  readonly signedBody?: string;
  /** Headers beside the proof. */
  readonly more?: Record<string, string>;
}

/** The headers that prove a key for one request. */
export function signatureHeaders(
  key: TestKey,
  method: string,
  path: string,
  text: string,
  options: SignOptions,
): Record<string, string> {
  const time = String(options.timeMs ?? Date.now());
  const nonce = options.nonce ?? randomBytes(16).toString('base64url');
  const hash = createHash('sha256')
    .update(options.signedBody ?? text)
    .digest('hex');
  const signed = `tore.v1 request\n${options.coordinatorId}\n${method}\n${path}\n${time}\n${nonce}\n${hash}`;
  return {
    'x-tore-key': key.publicKey,
    'x-tore-time': time,
    'x-tore-nonce': nonce,
    'x-tore-signature': sign(null, Buffer.from(signed), key.privateKey).toString('base64'),
    ...options.more,
  };
}
