import { createHash, randomBytes } from 'node:crypto';
import { REQUEST_PROOF_HEADERS, requestProofText } from '../../protocol/wire/request-proof';
import type { NodeIdentity } from './node-identity';

const NONCE_BYTES = 18;

/** Signs HTTP requests for one coordinator, where its policy wants to know who is asking. */
export type SignRequest = (method: string, target: string, body: string) => Record<string, string>;

/** Headers that prove the node's key for one request; see `protocol/wire/request-proof.ts`. */
export function requestSigner(identity: NodeIdentity, coordinatorId: string): SignRequest {
  return (method, target, body) => {
    const timeMs = Date.now();
    const nonce = randomBytes(NONCE_BYTES).toString('base64url');
    const bodySha256 = createHash('sha256').update(body, 'utf8').digest('hex');
    const text = requestProofText({ coordinatorId, method, target, timeMs, nonce, bodySha256 });
    return {
      [REQUEST_PROOF_HEADERS.key]: identity.publicKey,
      [REQUEST_PROOF_HEADERS.time]: String(timeMs),
      [REQUEST_PROOF_HEADERS.nonce]: nonce,
      [REQUEST_PROOF_HEADERS.signature]: identity.sign(text),
    };
  };
}
