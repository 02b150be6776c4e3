import { createHash, timingSafeEqual } from 'node:crypto';

/** Letters and digits that are not mistaken for each other when a code is read out or typed. */
const CODE_ALPHABET = 'ABCDEFGHJKMNPQRSTVWXYZ23456789';
/** 20 characters of 30: 98 bits, more than anybody can try. */
const CODE_LENGTH = 20;
const CODE_GROUP = 5;

/** SHA-256 in hexadecimal: what is stored and compared in place of a secret. */
export function secretHash(secret: string): string {
  return createHash('sha256').update(secret, 'utf8').digest('hex');
}

/** Compares a given secret with a known hash, in a time that tells nothing about either. */
export function matchesSecret(given: string, knownHash: string): boolean {
  return timingSafeEqual(Buffer.from(secretHash(given), 'hex'), Buffer.from(knownHash, 'hex'));
}

/** An invitation code such as `K7QWD-…`, from random bytes. */
export function invitationCode(bytes: (length: number) => Uint8Array): string {
  let code = '';
  while (code.length < CODE_LENGTH) {
    for (const byte of bytes(CODE_LENGTH)) {
      // Bytes beyond the largest multiple of the alphabet would favour its first letters.
      if (byte >= 256 - (256 % CODE_ALPHABET.length) || code.length >= CODE_LENGTH) continue;
      code += CODE_ALPHABET[byte % CODE_ALPHABET.length] ?? '';
    }
  }
  return (code.match(new RegExp(`.{${CODE_GROUP}}`, 'g')) ?? []).join('-');
}

/** The form in which a typed code is compared: capitals, no separators. */
export function normalizedCode(code: string): string {
  return code.toUpperCase().replace(/[^A-Z0-9]/g, '');
}
