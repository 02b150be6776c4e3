import {
  createHash,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  hkdfSync,
  randomBytes,
  type KeyObject,
} from 'node:crypto';
import { linkKeyInfo, type LinkRole } from '../protocol/federation/greeting';

const KEY_BYTES = 32;
/** PrivateKeyInfo of RFC 8410 up to the key: version 0, algorithm 1.3.101.110 (X25519), an octet string of 34 bytes. */
const PKCS8_PREFIX = Buffer.from('302e020100300506032b656e04220420', 'hex');

/** An X25519 key (RFC 7748) for one link. */
export interface EphemeralKey {
  /** 32 bytes in base64. */
  readonly publicKey: string;
  /** The secret shared with another such key; null for a public key that gives none (not 32 bytes, or of small order). */
  agree(otherPublicKey: string): Uint8Array | null;
}

/** @param secret - 32 bytes; fresh random ones but in vectors */
export function ephemeralKey(secret: Uint8Array = randomBytes(KEY_BYTES)): EphemeralKey {
  const privateKey = createPrivateKey({ key: Buffer.concat([PKCS8_PREFIX, secret]), format: 'der', type: 'pkcs8' });
  const { x } = createPublicKey(privateKey).export({ format: 'jwk' });
  return {
    publicKey: Buffer.from(x ?? '', 'base64url').toString('base64'),
    agree: (other) => {
      const publicKey = x25519KeyOf(other);
      if (publicKey === null) return null;
      try {
        return diffieHellman({ privateKey, publicKey });
      } catch {
        return null;
      }
    },
  };
}

function x25519KeyOf(publicKey: string): KeyObject | null {
  const raw = Buffer.from(publicKey, 'base64');
  if (raw.length !== KEY_BYTES) return null;
  return createPublicKey({ key: { kty: 'OKP', crv: 'X25519', x: raw.toString('base64url') }, format: 'jwk' });
}

/** The key a side seals its frames with: HKDF-SHA256 (RFC 5869) of the shared secret, salted with the whole greeting. */
export function linkKey(shared: Uint8Array, transcript: string, role: LinkRole): Uint8Array {
  const salt = createHash('sha256').update(transcript, 'utf8').digest();
  return new Uint8Array(hkdfSync('sha256', shared, salt, linkKeyInfo(role), KEY_BYTES));
}
