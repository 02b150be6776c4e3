import { createPrivateKey, createPublicKey, generateKeyPairSync, sign, verify, type KeyObject } from 'node:crypto';
import { success, type Result } from '../../protocol/result';
import { nodeFailure, reasonOf, type NodeErrorCode } from '../errors';
import type { SecretStore } from './secret-store';

/** The key pair a node is known by. Nothing else identifies it. */
export interface NodeIdentity {
  /** Raw Ed25519 public key (32 bytes), base64. */
  readonly publicKey: string;
  /** Ed25519 signature over the UTF-8 bytes of a text, base64. */
  sign(text: string): string;
}

/*
 * Stored form, 68 bytes: "TNK1", private seed (32), public key (32). The public half tells damage apart from a
 * different key: any 32 bytes are a valid seed.
 */
const MAGIC = Buffer.from('TNK1');
const KEY_BYTES = 32;
const STORED_BYTES = MAGIC.length + 2 * KEY_BYTES;

function rawPublicKey(key: KeyObject): Buffer {
  const { x } = createPublicKey(key).export({ format: 'jwk' });
  return Buffer.from(x ?? '', 'base64url');
}

function identityOf(privateKey: KeyObject): NodeIdentity {
  return {
    publicKey: rawPublicKey(privateKey).toString('base64'),
    sign: (text) => sign(null, Buffer.from(text, 'utf8'), privateKey).toString('base64'),
  };
}

function encodeKey(privateKey: KeyObject): Uint8Array {
  const { d } = privateKey.export({ format: 'jwk' });
  return Buffer.concat([MAGIC, Buffer.from(d ?? '', 'base64url'), rawPublicKey(privateKey)]);
}

function decodeKey(stored: Uint8Array): KeyObject | null {
  const bytes = Buffer.from(stored);
  if (bytes.length !== STORED_BYTES || !bytes.subarray(0, MAGIC.length).equals(MAGIC)) return null;
  const seed = bytes.subarray(MAGIC.length, MAGIC.length + KEY_BYTES);
  const publicKey = bytes.subarray(MAGIC.length + KEY_BYTES);
  const privateKey = createPrivateKey({
    key: { kty: 'OKP', crv: 'Ed25519', d: seed.toString('base64url'), x: publicKey.toString('base64url') },
    format: 'jwk',
  });
  // Derived anew through DER: the parser above may trust the public half it was given.
  const derived = createPrivateKey({
    key: privateKey.export({ format: 'der', type: 'pkcs8' }),
    format: 'der',
    type: 'pkcs8',
  });
  return rawPublicKey(derived).equals(publicKey) ? derived : null;
}

/**
 * Opens the node's key, making one on first use.
 *
 * @returns `identity-corrupt` naming the place when the stored key is damaged. It is never replaced silently: the
 * balance earned under it would be lost.
 */
export async function openIdentity(store: SecretStore): Promise<Result<NodeIdentity, NodeErrorCode>> {
  const stored = await store.load();
  if (!stored.ok) {
    return nodeFailure('identity-unreadable', `The node's key could not be read. ${stored.error.message}`, {
      retryable: stored.error.retryable,
      ...(stored.error.suggestion === undefined ? {} : { suggestion: stored.error.suggestion }),
    });
  }
  if (stored.value !== null) {
    let privateKey: KeyObject | null;
    let reason = 'it does not have the expected form';
    try {
      privateKey = decodeKey(stored.value);
    } catch (thrown) {
      privateKey = null;
      reason = reasonOf(thrown);
    }
    if (privateKey !== null) return success(identityOf(privateKey));
    return nodeFailure('identity-corrupt', `The node's key in ${store.location} is damaged: ${reason}.`, {
      suggestion: 'Restore the file from a backup, or move it away to start as a new node without its balance.',
    });
  }
  const { privateKey } = generateKeyPairSync('ed25519');
  const saved = await store.save(encodeKey(privateKey));
  if (!saved.ok) {
    return nodeFailure('identity-unwritable', `A new key could not be saved. ${saved.error.message}`, {
      retryable: saved.error.retryable,
      ...(saved.error.suggestion === undefined ? {} : { suggestion: saved.error.suggestion }),
    });
  }
  return success(identityOf(privateKey));
}

/** Whether a signature over a text was made by the holder of a raw base64 public key. Malformed input is simply false. */
export function verifySignature(publicKey: string, text: string, signature: string): boolean {
  const raw = Buffer.from(publicKey, 'base64');
  if (raw.length !== KEY_BYTES) return false;
  const key = createPublicKey({
    key: { kty: 'OKP', crv: 'Ed25519', x: raw.toString('base64url') },
    format: 'jwk',
  });
  return verify(null, Buffer.from(text, 'utf8'), key, Buffer.from(signature, 'base64'));
}
