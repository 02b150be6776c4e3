import type { Result } from '../../protocol/result';
import { readPrivateFile, writePrivateFile } from '../atomic-file';

/** Keeps one secret. The desktop app wraps the operating system's key store, the headless node a private file. */
export interface SecretStore {
  /** Where the secret is, for messages: a file path. */
  readonly location: string;
  /** The secret, or null when none was saved yet. */
  load(): Promise<Result<Uint8Array | null>>;
  save(secret: Uint8Array): Promise<Result<void>>;
}

/** No secret of a node comes near this. */
const MAX_SECRET_BYTES = 4_096;

/** A secret in a file that only its owner can read (0600, in a folder 0700), for machines without a key store. */
export function fileSecretStore(path: string): SecretStore {
  return {
    location: path,
    load: () => readPrivateFile(path, MAX_SECRET_BYTES),
    save: (secret) => writePrivateFile(path, secret),
  };
}
