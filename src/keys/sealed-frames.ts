import { createCipheriv, createDecipheriv } from 'node:crypto';

const CIPHER = 'aes-256-gcm';
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
/** What sealing adds to a frame. */
export const SEAL_BYTES = TAG_BYTES;

/** Counts up; a key is made for one direction of one connection, so no number is used twice under it. */
function* counter(): Generator<Buffer, never> {
  for (let count = 0n; ; count += 1n) {
    const bytes = Buffer.alloc(NONCE_BYTES);
    bytes.writeBigUInt64BE(count, NONCE_BYTES - 8);
    yield bytes;
  }
}

/** Seals the frames of one direction of a connection, in order: AES-256-GCM under numbers that count from 0. */
export function frameSealer(key: Uint8Array): (frame: Uint8Array) => Buffer {
  const numbers = counter();
  return (frame) => {
    const cipher = createCipheriv(CIPHER, key, numbers.next().value);
    return Buffer.concat([cipher.update(frame), cipher.final(), cipher.getAuthTag()]);
  };
}

/** Opens what `frameSealer` sealed, in the same order; null for anything forged, repeated, left out or out of order. */
export function frameOpener(key: Uint8Array): (sealed: Uint8Array) => Buffer | null {
  const numbers = counter();
  return (sealed) => {
    if (sealed.byteLength < TAG_BYTES) return null;
    const decipher = createDecipheriv(CIPHER, key, numbers.next().value);
    decipher.setAuthTag(sealed.subarray(sealed.byteLength - TAG_BYTES));
    try {
      return Buffer.concat([decipher.update(sealed.subarray(0, sealed.byteLength - TAG_BYTES)), decipher.final()]);
    } catch {
      return null;
    }
  };
}
