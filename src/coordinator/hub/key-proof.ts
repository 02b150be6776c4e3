import { createPublicKey, verify } from 'node:crypto';
import { connectionProofText } from '../../protocol/wire/messages';

const PUBLIC_KEY_BYTES = 32;
const SIGNATURE_BYTES = 64;

/** Whether the signature proves the raw Ed25519 key (both base64) for this nonce and this coordinator. */
export function provesKey(
  proof: { readonly publicKey: string; readonly signature: string },
  nonce: string,
  coordinatorId: string,
): boolean {
  const publicKey = Buffer.from(proof.publicKey, 'base64');
  const signature = Buffer.from(proof.signature, 'base64');
  if (publicKey.length !== PUBLIC_KEY_BYTES || signature.length !== SIGNATURE_BYTES) return false;
  const key = createPublicKey({
    key: { kty: 'OKP', crv: 'Ed25519', x: publicKey.toString('base64url') },
    format: 'jwk',
  });
  return verify(null, Buffer.from(connectionProofText(nonce, coordinatorId), 'utf8'), key, signature);
}
