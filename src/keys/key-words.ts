import { entropyToMnemonic, mnemonicToEntropy } from '@scure/bip39';
import { wordlist } from '@scure/bip39/wordlists/english.js';
import { createHash } from 'node:crypto';
import { failure, success, type Result } from '../protocol/result';
import { SEED_BYTES } from './ed25519';

/** Half a SHA-256: enough that nobody finds a second key with the same words. */
const FINGERPRINT_BYTES = 16;

/** The 24 words (BIP 39, English) a secret seed can be written down as. Whoever has them has the key. */
export function wordsOfSeed(seed: Uint8Array): string {
  return entropyToMnemonic(seed, wordlist);
}

/** The seed behind 24 words; case and spacing do not matter. */
export function seedOfWords(words: string): Result<Uint8Array, 'words-wrong'> {
  const written = words.normalize('NFKD').toLowerCase().trim().split(/\s+/);
  const count = (SEED_BYTES * 8 * 33) / (32 * 11);
  if (written.length !== count) {
    return failure('words-wrong', `A key has ${count} words; these are ${written.length}.`);
  }
  const known = new Set(wordlist);
  const strange = written.findIndex((word) => !known.has(word));
  if (strange !== -1) {
    return failure('words-wrong', `Word ${strange + 1} is not in the list.`, { suggestion: 'Look for a slip in it.' });
  }
  try {
    return success(mnemonicToEntropy(written.join(' '), wordlist));
  } catch {
    return failure('words-wrong', 'These words do not belong together: their check digits are wrong.', {
      suggestion: 'Two of them may be swapped, or one is another word of the list.',
    });
  }
}

/** Twelve words for a public key, to compare it over the telephone. They reveal nothing and cannot restore anything. */
export function fingerprintWords(publicKey: string): string {
  const digest = createHash('sha256').update(Buffer.from(publicKey, 'base64')).digest();
  return entropyToMnemonic(digest.subarray(0, FINGERPRINT_BYTES), wordlist);
}
