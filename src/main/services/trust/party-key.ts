import { randomBytes } from 'node:crypto';
import { Type, type Static } from 'typebox';
import { Compile } from 'typebox/compile';
import { v7 as uuidV7 } from 'uuid';
import type { PartyKeyView } from '../../../contract/trust';
import { nodeCryptography, SEED_BYTES, signerOfSeed } from '../../../keys/ed25519';
import { openBackup, sealBackup } from '../../../keys/key-backup';
import { fingerprintWords, seedOfWords, wordsOfSeed } from '../../../keys/key-words';
import { failure, success, type Result } from '../../../protocol/result';
import type { MessageWriter } from '../../../protocol/trust/compose-message';
import { PUBLIC_KEY_PATTERN } from '../../../protocol/documents/fields';
import { followKeyLinks, KeyLink, signKeyLink } from '../../../protocol/trust/key-link';
import { partyIdOf } from '../../../protocol/trust/party-id';
import { TRUST_LIMITS } from '../../../protocol/trust/trust-limits';
import type { SecretVault } from '../secret-vault';
import { isoTime, type Timers } from '../timers';

const SECRET = 'party-key';
/** What a restored key takes the place of is kept under this name with the time, in case it was the only copy. */
const EARLIER_SECRET = 'party-key-before-';

const IS_PUBLIC_KEY = new RegExp(PUBLIC_KEY_PATTERN);

const Name = Type.String({ minLength: 1, maxLength: TRUST_LIMITS.maxNameLength });

/** Everything of a party that cannot be made again, as it is kept in the vault and in a backup. */
const PartySecret = Type.Object({
  version: Type.Literal(1),
  seed: Type.String({ minLength: 44, maxLength: 44, pattern: '^[A-Za-z0-9+/]{43}=$' }),
  nodeId: Type.String({ minLength: 1, maxLength: 200 }),
  name: Name,
  institution: Type.Union([Name, Type.Null()]),
  createdAt: Type.String({ maxLength: 64 }),
  backedUpAt: Type.Union([Type.String({ maxLength: 64 }), Type.Null()]),
  links: Type.Array(KeyLink, { maxItems: TRUST_LIMITS.maxKeyLinks }),
  /** Public key of the coordinator that acts for the party. */
  coordinatorKey: Type.Optional(Type.String({ maxLength: 200 })),
});
type PartySecret = Static<typeof PartySecret>;
const secretChecker = Compile(PartySecret);

/** The party with the keys that act in its name. */
export type PartyWriter = MessageWriter & Required<Pick<MessageWriter, 'memberKeys'>>;

/** How a party calls itself. */
export interface PartyNames {
  readonly name: string;
  readonly institution: string | null;
}

function seedOf(secret: PartySecret): Uint8Array {
  return Buffer.from(secret.seed, 'base64');
}

/** A parsed secret whose links lead to its own key; null for anything else. */
function readSecret(text: string): PartySecret | null {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    return null;
  }
  if (!secretChecker.Check(parsed)) return null;
  const { publicKey } = signerOfSeed(seedOf(parsed));
  const [first] = parsed.links;
  if (first === undefined) return parsed;
  const known = { nodeId: parsed.nodeId, publicKey: first.old_public_key };
  const followed = followKeyLinks(known, parsed.links, nodeCryptography);
  return followed.ok && followed.value.publicKey === publicKey ? parsed : null;
}

/** The identity of the person or institution in handshakes and sessions. Apart from the node's key, which only works. */
export class PartyKey {
  readonly #vault: SecretVault;
  readonly #timers: Timers;
  readonly #onChange: () => void;
  #secret: PartySecret | null = null;

  constructor(vault: SecretVault, timers: Timers, onChange: () => void) {
    this.#vault = vault;
    this.#timers = timers;
    this.#onChange = onChange;
  }

  /** Reads the key; a failure says why the system does not give it. */
  load(): Result<void> {
    const stored = this.#vault.read(SECRET);
    if (!stored.ok) return stored;
    if (stored.value === null) return success(undefined);
    this.#secret = readSecret(stored.value);
    if (this.#secret !== null) return success(undefined);
    return failure('party-key-damaged', 'The key of this party is damaged. It was left as it is.', {
      suggestion: 'Restore it from its backup.',
    });
  }

  /** The party as it writes and signs; null without a key. */
  writer(): PartyWriter | null {
    if (this.#secret === null) return null;
    const { nodeId, name, institution, links, coordinatorKey } = this.#secret;
    const memberKeys = coordinatorKey === undefined ? [] : [coordinatorKey];
    return { nodeId, name, institution, signer: signerOfSeed(seedOf(this.#secret)), keyLinks: links, memberKeys };
  }

  view(): PartyKeyView | null {
    const writer = this.writer();
    if (writer === null || this.#secret === null) return null;
    const { createdAt, backedUpAt, links, coordinatorKey } = this.#secret;
    const { nodeId, name, institution, signer } = writer;
    const { publicKey } = signer;
    return {
      nodeId,
      publicKey,
      keyId: nodeCryptography.keyIdOf(publicKey),
      fingerprint: fingerprintWords(publicKey),
      name,
      institution,
      createdAt,
      replacements: links.length,
      coordinator:
        coordinatorKey === undefined
          ? null
          : { publicKey: coordinatorKey, keyId: nodeCryptography.keyIdOf(coordinatorKey) },
      backedUpAt,
    };
  }

  /** Makes a key where there is none. */
  create(names: PartyNames): Promise<Result<void>> {
    if (this.#secret !== null) {
      return Promise.resolve(failure('party-key-exists', 'This app has a key already; it was kept.'));
    }
    return this.#take(randomBytes(SEED_BYTES), names, null);
  }

  rename({ name, institution }: PartyNames): Promise<Result<void>> {
    return this.#change((secret) => ({ ...secret, name, institution }));
  }

  /**
   * Names the key of the coordinator that acts for the party, or takes it back. From then on it goes into every handshake, so
   * that an agreement lets that coordinator link with the other party's.
   */
  nameCoordinator(publicKey: string | null): Promise<Result<void>> {
    const named = publicKey?.trim() ?? null;
    if (named !== null && !IS_PUBLIC_KEY.test(named)) {
      return Promise.resolve(
        failure('key-invalid', 'This is no public key of a coordinator; nothing was changed.', {
          suggestion: 'It is the line that `tore-coordinator federation key` prints.',
        }),
      );
    }
    return this.#change(({ coordinatorKey: _before, ...secret }) =>
      named === null ? secret : { ...secret, coordinatorKey: named },
    );
  }

  /** The secret as 24 words, for paper. */
  async words(): Promise<Result<string>> {
    if (this.#secret === null) return noKey();
    const words = wordsOfSeed(seedOf(this.#secret));
    const noted = await this.#change((secret) => ({ ...secret, backedUpAt: isoTime(this.#timers.now()) }));
    return noted.ok ? success(words) : noted;
  }

  /** The text of a backup file. Call `noteBackup` once it is on disk. */
  backup(passphrase: string): Promise<Result<string>> {
    const view = this.view();
    if (this.#secret === null || view === null) return Promise.resolve(noKey());
    const facts = { publicKey: view.publicKey, createdAt: isoTime(this.#timers.now()) };
    return sealBackup(JSON.stringify(this.#secret), passphrase, facts);
  }

  noteBackup(): Promise<Result<void>> {
    return this.#change((secret) => ({ ...secret, backedUpAt: isoTime(this.#timers.now()) }));
  }

  /** Takes the key of a backup; the one before is kept aside in the vault. */
  async restoreFile(text: string, passphrase: string): Promise<Result<void>> {
    const opened = await openBackup(text, passphrase);
    if (!opened.ok) return opened;
    const secret = readSecret(opened.value);
    if (secret === null) return failure('backup-invalid', 'The backup opened, but holds no key of a party.');
    const kept = await this.#keepEarlier();
    return kept.ok ? this.#save({ ...secret, backedUpAt: isoTime(this.#timers.now()) }) : kept;
  }

  /** Takes the key behind 24 words. Words hold the key alone: names are given anew, links come from backups. */
  async restoreWords(words: string, names: PartyNames): Promise<Result<void>> {
    const seed = seedOfWords(words);
    if (!seed.ok) return seed;
    const kept = await this.#keepEarlier();
    return kept.ok ? this.#take(seed.value, names, isoTime(this.#timers.now())) : kept;
  }

  /** Replaces the key by a new one that the old one vouches for. The party and its id stay. */
  async replace(reason: string): Promise<Result<void>> {
    const old = this.writer();
    if (old === null) return noKey();
    if (old.keyLinks.length >= TRUST_LIMITS.maxKeyLinks) {
      return failure('key-links-full', `A key can be replaced ${TRUST_LIMITS.maxKeyLinks} times.`);
    }
    const kept = await this.#keepEarlier();
    if (!kept.ok) return kept;
    const seed = randomBytes(SEED_BYTES);
    const link = signKeyLink(
      {
        tore_spec: 'tore-0002',
        type: 'key-link',
        id: uuidV7(),
        node_id: old.nodeId,
        ...(reason === '' ? {} : { reason }),
        issued_at: isoTime(this.#timers.now()),
        metadata: {},
      },
      { old: old.signer, new: signerOfSeed(seed) },
      nodeCryptography,
    );
    return this.#change((secret) => ({
      ...secret,
      seed: seed.toString('base64'),
      backedUpAt: null,
      links: [...secret.links, link],
    }));
  }

  #take(seed: Uint8Array, { name, institution }: PartyNames, backedUpAt: string | null): Promise<Result<void>> {
    return this.#save({
      version: 1,
      seed: Buffer.from(seed).toString('base64'),
      nodeId: partyIdOf(signerOfSeed(seed).publicKey, nodeCryptography),
      name,
      institution,
      createdAt: isoTime(this.#timers.now()),
      backedUpAt,
      links: [],
    });
  }

  #change(change: (secret: PartySecret) => PartySecret): Promise<Result<void>> {
    return this.#secret === null ? Promise.resolve(noKey()) : this.#save(change(this.#secret));
  }

  async #keepEarlier(): Promise<Result<void>> {
    const stored = this.#vault.read(SECRET);
    if (!stored.ok || stored.value === null) return stored.ok ? success(undefined) : stored;
    return this.#vault.write(`${EARLIER_SECRET}${isoTime(this.#timers.now())}`, stored.value);
  }

  async #save(secret: PartySecret): Promise<Result<void>> {
    const saved = await this.#vault.write(SECRET, JSON.stringify(secret));
    if (!saved.ok) return saved;
    this.#secret = secret;
    this.#onChange();
    return saved;
  }
}

/** The failure of everything that needs a key. */
export function noKey(): { readonly ok: false; readonly error: ReturnType<typeof failure>['error'] } {
  return failure('party-key-missing', 'This needs a key of your own.', {
    suggestion: 'Create one, or restore it from a backup.',
  });
}
