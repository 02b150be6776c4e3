import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { Type, type Static } from 'typebox';
import { Value } from 'typebox/value';
import { success, type Result } from '../../protocol/result';
import { readPrivateFile, writePrivateFile } from '../atomic-file';
import { nodeFailure, type NodeErrorCode } from '../errors';

const KEY_PREFIX = 'tore-';
/** 256 bits: a key cannot be guessed, so its plain hash is safe to keep. */
const KEY_BYTES = 32;
/** A person names a key for each program that uses it; more than this is an accident. */
const MAX_KEYS = 100;
const MAX_FILE_BYTES = 200_000;

const KeyRecord = Type.Object({
  id: Type.String({ minLength: 1, maxLength: 100 }),
  /** What the person calls it. */
  name: Type.String({ minLength: 1, maxLength: 100 }),
  /** First characters, to tell keys apart. */
  hint: Type.String({ maxLength: 20 }),
  /** SHA-256 of the key, hexadecimal. The key itself is not kept. */
  sha256: Type.String({ pattern: '^[0-9a-f]{64}$' }),
  createdAt: Type.String({ maxLength: 40 }),
});
type KeyRecord = Static<typeof KeyRecord>;

const KeyFile = Type.Object({
  formatVersion: Type.Literal(1),
  keys: Type.Array(KeyRecord, { maxItems: MAX_KEYS }),
});

/** A key as it can be shown again: without the secret. */
export type ApiKeyView = Omit<KeyRecord, 'sha256'>;

function hashOf(key: string): string {
  return createHash('sha256').update(key, 'utf8').digest('hex');
}

/** The keys of the local endpoint, kept as hashes in one file that only its owner can read. */
export class ApiKeys {
  readonly #path: string;
  #keys: readonly KeyRecord[];
  /** Changes happen one after the other, so that none undoes another. */
  #lastChange: Promise<unknown> = Promise.resolve();

  private constructor(path: string, keys: readonly KeyRecord[]) {
    this.#path = path;
    this.#keys = keys;
  }

  /**
   * Reads the file; without one there are no keys yet.
   * @returns `data-unreadable` for a damaged file, which is left as it is: no key is valid until that is resolved
   */
  static async open(path: string): Promise<Result<ApiKeys, NodeErrorCode>> {
    const bytes = await readPrivateFile(path, MAX_FILE_BYTES);
    if (!bytes.ok) return bytes;
    if (bytes.value === null) return success(new ApiKeys(path, []));
    const document = parseFile(bytes.value);
    if (document === null) {
      return nodeFailure('data-unreadable', `${path} is not a list of API keys.`, {
        suggestion: 'Remove the file and make new keys.',
      });
    }
    return success(new ApiKeys(path, document.keys));
  }

  list(): readonly ApiKeyView[] {
    return this.#keys.map(({ id, name, hint, createdAt }) => ({ id, name, hint, createdAt }));
  }

  /** Whether a text is one of the keys. Hashes are compared, so the time tells nothing about a key. */
  accepts(key: string): boolean {
    const hash = hashOf(key);
    return this.#keys.some((record) => record.sha256 === hash);
  }

  /** Makes a key. It is returned once and cannot be read again. */
  create(name: string, nowMs: number): Promise<Result<{ key: string; view: ApiKeyView }, NodeErrorCode>> {
    return this.#change(async () => {
      if (this.#keys.length >= MAX_KEYS) {
        return nodeFailure('input-invalid', `There are ${MAX_KEYS} API keys already.`, {
          suggestion: 'Remove one that is no longer used.',
        });
      }
      const key = KEY_PREFIX + randomBytes(KEY_BYTES).toString('base64url');
      const view: ApiKeyView = {
        id: randomUUID(),
        name: name.trim() === '' ? 'API key' : name.trim().slice(0, 100),
        hint: key.slice(0, KEY_PREFIX.length + 4),
        createdAt: new Date(nowMs).toISOString(),
      };
      const saved = await this.#save([...this.#keys, { ...view, sha256: hashOf(key) }]);
      return saved.ok ? success({ key, view }) : saved;
    });
  }

  /** Removes a key; programs that use it are refused from now on. Removing an unknown one succeeds. */
  remove(id: string): Promise<Result<void, NodeErrorCode>> {
    return this.#change(() => this.#save(this.#keys.filter((record) => record.id !== id)));
  }

  #change<Value>(change: () => Promise<Result<Value, NodeErrorCode>>): Promise<Result<Value, NodeErrorCode>> {
    const changing = this.#lastChange.then(change);
    this.#lastChange = changing;
    return changing;
  }

  async #save(keys: readonly KeyRecord[]): Promise<Result<void, NodeErrorCode>> {
    const text = `${JSON.stringify({ formatVersion: 1, keys }, null, 2)}\n`;
    const saved = await writePrivateFile(this.#path, Buffer.from(text, 'utf8'));
    if (saved.ok) this.#keys = keys;
    return saved;
  }
}

function parseFile(bytes: Uint8Array): Static<typeof KeyFile> | null {
  try {
    const document: unknown = JSON.parse(Buffer.from(bytes).toString('utf8'));
    return Value.Check(KeyFile, document) ? document : null;
  } catch {
    return null;
  }
}
