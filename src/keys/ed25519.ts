import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  sign,
  verify,
  type KeyObject,
} from 'node:crypto';
import type { Cryptography, Ed25519, Signer } from '../protocol/signing/ed25519';
import { failure, success, type Result } from '../protocol/result';

const PUBLIC_KEY_BYTES = 32;
const SIGNATURE_BYTES = 64;
const KEY_ID_DIGITS = 16;
/** PrivateKeyInfo of RFC 8410 up to the seed: version 0, algorithm 1.3.101.112, an octet string of 34 bytes. */
const PKCS8_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex');

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

/** The same with the hash that links documents to each other. */
export const nodeCryptography: Cryptography = {
  ...nodeEd25519,
  sha256: (text) => createHash('sha256').update(text, 'utf8').digest('hex'),
};

/** Bytes of the seed an Ed25519 key is made from (RFC 8032): the whole secret. */
export const SEED_BYTES = 32;

/** The key made from a seed of 32 bytes. */
export function signerOfSeed(seed: Uint8Array): Signer {
  if (seed.length !== SEED_BYTES) throw new RangeError(`a seed has ${SEED_BYTES} bytes, not ${seed.length}`);
  // PKCS#8 of RFC 8410 puts a fixed prefix before the seed; the public half is derived from it, never taken on trust.
  const der = Buffer.concat([PKCS8_PREFIX, seed]);
  return signerOf(createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }));
}

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
