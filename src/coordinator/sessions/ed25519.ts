import { createHash, createPublicKey, verify } from 'node:crypto';
import type { Ed25519 } from '../../protocol/signing/ed25519';

const PUBLIC_KEY_BYTES = 32;
const SIGNATURE_BYTES = 64;
const KEY_ID_DIGITS = 16;

/** Checks signatures of turns and agreements with the platform's own Ed25519. */
export const hostEd25519: Ed25519 = {
  keyIdOf: (publicKey) =>
    createHash('sha256').update(Buffer.from(publicKey, 'base64')).digest('hex').slice(0, KEY_ID_DIGITS),
  verify: (publicKey, text, signature) => {
    const raw = Buffer.from(publicKey, 'base64');
    const value = Buffer.from(signature, 'base64');
    if (raw.length !== PUBLIC_KEY_BYTES || value.length !== SIGNATURE_BYTES) return false;
    const key = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: raw.toString('base64url') }, format: 'jwk' });
    return verify(null, Buffer.from(text, 'utf8'), key, value);
  },
};
