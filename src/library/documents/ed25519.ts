import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  sign,
  verify,
  type KeyObject,
} from 'node:crypto';
import type { Ed25519, Signer } from '../../protocol/signing/ed25519';
import { failure, success, type Result } from '../../protocol/result';

const PUBLIC_KEY_BYTES = 32;
const SIGNATURE_BYTES = 64;
const KEY_ID_DIGITS = 16;

function rawPublicKeyOf(key: KeyObject): string {
  const { x } = createPublicKey(key).export({ format: 'jwk' });
  return Buffer.from(x ?? '', 'base64url').toString('base64');
}

/** Signatures of documents with the platform's own Ed25519. */
export const nodeEd25519: Ed25519 = {
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

function signerOf(privateKey: KeyObject): Signer {
  return {
    publicKey: rawPublicKeyOf(privateKey),
    sign: (text) => sign(null, Buffer.from(text, 'utf8'), privateKey).toString('base64'),
  };
}

/** A new key: its signer, and the private half as PKCS#8 PEM, the form other tools read. */
export function generateSigner(): { readonly signer: Signer; readonly pem: string } {
  const { privateKey } = generateKeyPairSync('ed25519');
  return { signer: signerOf(privateKey), pem: privateKey.export({ format: 'pem', type: 'pkcs8' }).toString() };
}

/** Opens a private Ed25519 key in PKCS#8 PEM. The reason of a failure never quotes the key. */
export function openSigner(pem: string): Result<Signer, 'key-unreadable'> {
  let privateKey: KeyObject;
  try {
    privateKey = createPrivateKey(pem);
  } catch {
    return failure('key-unreadable', 'This file holds no private key in PEM form.', {
      suggestion: 'Make one with `tore keygen`.',
    });
  }
  if (privateKey.asymmetricKeyType !== 'ed25519') {
    return failure(
      'key-unreadable',
      `This is a key for ${privateKey.asymmetricKeyType ?? 'something else'}, not Ed25519.`,
    );
  }
  return success(signerOf(privateKey));
}
