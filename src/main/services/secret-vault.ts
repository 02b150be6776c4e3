import { Type, type Static } from 'typebox';
import { Value } from 'typebox/value';
import { success, type Result } from '../../protocol/result';
import { mainFailure, type MainErrorCode } from '../errors';
import { writeFileAtomically } from '../storage/atomic-file';
import { keepBrokenFile, readJsonDocument } from '../storage/json-document';
import type { Log } from './log';

/** The system's key store; Electron's `safeStorage` fits. */
export interface KeyStore {
  isEncryptionAvailable(): boolean;
  /** Linux only. */
  getSelectedStorageBackend?(): string;
  encryptString(plain: string): Buffer;
  decryptString(encrypted: Buffer): string;
}

const SecretsDocument = Type.Object({
  formatVersion: Type.Literal(1),
  secrets: Type.Record(
    Type.String({ maxLength: 300 }),
    Type.Object({ encrypted: Type.Boolean(), value: Type.String({ maxLength: 100_000 }) }),
  ),
});
type SecretsDocument = Static<typeof SecretsDocument>;

/**
 * Whether the key store really encrypts. On Linux without a key ring Electron falls back to `basic_text`, a key that is
 * the same on every machine, which protects nothing.
 */
export function encryptsSecrets(keyStore: KeyStore, platform: NodeJS.Platform): boolean {
  if (!keyStore.isEncryptionAvailable()) return false;
  if (platform !== 'linux') return true;
  const backend = keyStore.getSelectedStorageBackend?.() ?? 'unknown';
  return backend !== 'basic_text' && backend !== 'unknown';
}

/** Keys and tokens in one file that only its owner can read, encrypted where the system offers it. Never logged. */
export class SecretVault {
  readonly #path: string;
  readonly #keyStore: KeyStore;
  readonly #log: Log;
  readonly encrypted: boolean;
  #document: SecretsDocument;
  /** Writes happen one after the other, so that none undoes another. */
  #lastWrite: Promise<unknown> = Promise.resolve();

  private constructor(path: string, keyStore: KeyStore, encrypted: boolean, document: SecretsDocument, log: Log) {
    this.#path = path;
    this.#keyStore = keyStore;
    this.encrypted = encrypted;
    this.#document = document;
    this.#log = log;
  }

  /** Opens the vault; a damaged file is kept aside and reported in `notice`. */
  static async open(
    path: string,
    keyStore: KeyStore,
    options: { readonly platform: NodeJS.Platform; readonly nowMs: number; readonly log: Log },
  ): Promise<{ readonly vault: SecretVault; readonly notice: string | null }> {
    const reading = await readJsonDocument(path);
    const encrypted = encryptsSecrets(keyStore, options.platform);
    const build = (document: SecretsDocument): SecretVault =>
      new SecretVault(path, keyStore, encrypted, document, options.log);
    if (reading.kind === 'read' && Value.Check(SecretsDocument, reading.value)) {
      return { vault: build(reading.value), notice: null };
    }
    const vault = build({ formatVersion: 1, secrets: {} });
    if (reading.kind === 'absent') return { vault, notice: null };
    const kept = await keepBrokenFile(path, options.nowMs);
    const where = kept === null ? '' : ` It was kept as ${kept}.`;
    return {
      vault,
      notice: `The file with this computer's keys could not be used.${where} New keys are made, so coordinators see a new computer.`,
    };
  }

  /** The file it is kept in. */
  get location(): string {
    return this.#path;
  }

  has(name: string): boolean {
    return Object.hasOwn(this.#document.secrets, name);
  }

  /** Null when nothing is kept under the name. */
  read(name: string): Result<string | null, MainErrorCode> {
    const entry = this.#document.secrets[name];
    if (entry === undefined) return success(null);
    if (!entry.encrypted) return success(entry.value);
    try {
      return success(this.#keyStore.decryptString(Buffer.from(entry.value, 'base64')));
    } catch (thrown) {
      this.#log.warn(
        { name, error: thrown instanceof Error ? thrown.name : 'unknown' },
        'a secret cannot be decrypted',
      );
      return mainFailure('secret-unreadable', 'A key of this computer cannot be decrypted by the system key store.', {
        retryable: true,
        suggestion: 'Unlock the key store of the system (log in again) and restart the app.',
      });
    }
  }

  async write(name: string, value: string): Promise<Result<void, MainErrorCode>> {
    const entry = this.encrypted
      ? { encrypted: true, value: this.#keyStore.encryptString(value).toString('base64') }
      : { encrypted: false, value };
    return this.#save((secrets) => ({ ...secrets, [name]: entry }));
  }

  async remove(name: string): Promise<Result<void, MainErrorCode>> {
    return this.#save((secrets) => Object.fromEntries(Object.entries(secrets).filter(([key]) => key !== name)));
  }

  #save(
    change: (secrets: SecretsDocument['secrets']) => SecretsDocument['secrets'],
  ): Promise<Result<void, MainErrorCode>> {
    const save = async (): Promise<Result<void, MainErrorCode>> => {
      const document: SecretsDocument = { formatVersion: 1, secrets: change(this.#document.secrets) };
      const saved = await writeFileAtomically(this.#path, `${JSON.stringify(document, null, 2)}\n`, 'The key');
      if (saved.ok) this.#document = document;
      return saved;
    };
    const writing = this.#lastWrite.then(save);
    this.#lastWrite = writing;
    return writing;
  }
}
