/**
 * What signing needs from the platform. The protocol has no cryptography of its own: programs on Node bring theirs
 * (`keys/ed25519.ts`), tests may bring another.
 */
export interface Ed25519 {
  /** Key id of a raw public key in base64: the first 16 hexadecimal digits of the SHA-256 of its 32 bytes. */
  keyIdOf(publicKey: string): string;
  /** Whether `signature` (base64) over the UTF-8 bytes of a text was made with a key. Malformed input is `false`. */
  verify(publicKey: string, text: string, signature: string): boolean;
}

/** Signatures and the one hash the family uses. */
export interface Cryptography extends Ed25519 {
  /** SHA-256 of the UTF-8 bytes of a text, 64 lower-case hexadecimal digits. */
  sha256(text: string): string;
}

/** A private key that signs; it never leaves whoever holds it. */
export interface Signer {
  /** Raw Ed25519 public key, 32 bytes in base64. */
  readonly publicKey: string;
  /** Ed25519 signature over the UTF-8 bytes of a text, base64. */
  sign(text: string): string;
}
