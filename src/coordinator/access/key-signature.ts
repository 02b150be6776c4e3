import { createPublicKey, verify } from 'node:crypto';

const PUBLIC_KEY_BYTES = 32;
const SIGNATURE_BYTES = 64;

/** Whether `signature` over the UTF-8 bytes of a text was made with a raw Ed25519 key; both base64. Malformed is false. */
export function isSignedBy(publicKey: string, text: string, signature: string): boolean {
  const raw = Buffer.from(publicKey, 'base64');
  const value = Buffer.from(signature, 'base64');
  if (raw.length !== PUBLIC_KEY_BYTES || value.length !== SIGNATURE_BYTES) return false;
  const key = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: raw.toString('base64url') }, format: 'jwk' });
  return verify(null, Buffer.from(text, 'utf8'), key, value);
}
