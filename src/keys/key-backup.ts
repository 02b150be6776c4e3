import { createCipheriv, createDecipheriv, randomBytes, scrypt } from 'node:crypto';
import { Type, type Static } from 'typebox';
import { Compile } from 'typebox/compile';
import { failure, success, type Result } from '../protocol/result';

/**
 * What a passphrase costs to try: 128 MiB and about half a second (OWASP's first choice for scrypt is N = 2^17, r = 8,
 * p = 1). A file with larger numbers would let a stranger's backup eat the memory of whoever opens it.
 */
const SCRYPT = { N: 131_072, r: 8, p: 1 } as const;
const MAX_SCRYPT_MEMORY_BYTES = 192 * 1024 * 1024;
const CIPHER = 'aes-256-gcm';
const KEY_BYTES = 32;
const SALT_BYTES = 16;
/** The nonce size GCM is made for. */
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
/** A key with a hundred rotations stays far below. */
const MAX_SECRET_BYTES = 256 * 1024;
/** Shorter passphrases can be tried out whatever the key derivation costs. */
export const MIN_PASSPHRASE_LENGTH = 10;

const Base64 = (bytes: number) =>
  Type.String({ maxLength: Math.ceil(bytes / 3) * 4, pattern: '^[A-Za-z0-9+/]+={0,2}$' });

/** The file: how the key was derived, and the sealed bytes. Everything beside `sealed` is authenticated as well. */
const KeyBackup = Type.Object({
  type: Type.Literal('tore-key-backup'),
  version: Type.Literal(1),
  public_key: Base64(KEY_BYTES),
  created_at: Type.String({ maxLength: 64 }),
  kdf: Type.Object({
    name: Type.Literal('scrypt'),
    n: Type.Literal(SCRYPT.N),
    r: Type.Literal(SCRYPT.r),
    p: Type.Literal(SCRYPT.p),
    salt: Base64(SALT_BYTES),
  }),
  cipher: Type.Object({ name: Type.Literal(CIPHER), nonce: Base64(NONCE_BYTES) }),
  sealed: Base64(MAX_SECRET_BYTES + TAG_BYTES),
});
type KeyBackup = Static<typeof KeyBackup>;
const checker = Compile(KeyBackup);

export type KeyBackupErrorCode = 'passphrase-short' | 'backup-invalid' | 'passphrase-wrong';

function deriveKey(passphrase: string, salt: Uint8Array): Promise<Buffer> {
  const options = { ...SCRYPT, maxmem: MAX_SCRYPT_MEMORY_BYTES };
  return new Promise((resolve, reject) => {
    scrypt(passphrase.normalize('NFKC'), salt, KEY_BYTES, options, (problem, key) => {
      if (problem === null) resolve(key);
      else reject(problem);
    });
  });
}

/** What the tag covers beside the secret: changing how a backup says it was made breaks it. */
function authenticatedText({ type, version, public_key, created_at, kdf, cipher }: Omit<KeyBackup, 'sealed'>): Buffer {
  return Buffer.from(JSON.stringify([type, version, public_key, created_at, kdf.name, kdf.salt, cipher.nonce]), 'utf8');
}

/** Seals a secret text with a passphrase; the result is the text of a file. */
export async function sealBackup(
  secret: string,
  passphrase: string,
  facts: { readonly publicKey: string; readonly createdAt: string },
): Promise<Result<string, KeyBackupErrorCode>> {
  if (passphrase.length < MIN_PASSPHRASE_LENGTH) {
    return failure('passphrase-short', `A passphrase has at least ${MIN_PASSPHRASE_LENGTH} characters.`, {
      suggestion: 'Four or five words that do not belong together are good and easy to keep.',
    });
  }
  const [salt, nonce] = [randomBytes(SALT_BYTES), randomBytes(NONCE_BYTES)];
  const head: Omit<KeyBackup, 'sealed'> = {
    type: 'tore-key-backup',
    version: 1,
    public_key: facts.publicKey,
    created_at: facts.createdAt,
    kdf: { name: 'scrypt', n: SCRYPT.N, r: SCRYPT.r, p: SCRYPT.p, salt: salt.toString('base64') },
    cipher: { name: CIPHER, nonce: nonce.toString('base64') },
  };
  const cipher = createCipheriv(CIPHER, await deriveKey(passphrase, salt), nonce);
  cipher.setAAD(authenticatedText(head));
  const sealed = Buffer.concat([cipher.update(secret, 'utf8'), cipher.final(), cipher.getAuthTag()]);
  return success(`${JSON.stringify({ ...head, sealed: sealed.toString('base64') }, null, 2)}\n`);
}

function parseBackup(text: string): KeyBackup | null {
  try {
    const parsed: unknown = JSON.parse(text);
    return checker.Check(parsed) ? parsed : null;
  } catch {
    return null;
  }
}

/** Opens a sealed backup. A wrong passphrase and a damaged file cannot be told apart, and the message says so. */
export async function openBackup(text: string, passphrase: string): Promise<Result<string, KeyBackupErrorCode>> {
  const backup = parseBackup(text);
  if (backup === null) return failure('backup-invalid', 'This file is not a backup of a key.');
  const sealed = Buffer.from(backup.sealed, 'base64');
  if (sealed.length < TAG_BYTES) return failure('backup-invalid', 'This backup of a key ends too early.');
  const key = await deriveKey(passphrase, Buffer.from(backup.kdf.salt, 'base64'));
  try {
    const decipher = createDecipheriv(CIPHER, key, Buffer.from(backup.cipher.nonce, 'base64'));
    decipher.setAAD(authenticatedText(backup));
    decipher.setAuthTag(sealed.subarray(-TAG_BYTES));
    const opened = Buffer.concat([decipher.update(sealed.subarray(0, -TAG_BYTES)), decipher.final()]);
    return success(opened.toString('utf8'));
  } catch {
    return failure('passphrase-wrong', 'The passphrase does not open this backup, or the file was changed.', {
      suggestion: 'Check capital letters and the keyboard layout.',
    });
  }
}
