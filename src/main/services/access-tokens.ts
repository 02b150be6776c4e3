import { randomBytes } from 'node:crypto';
import { success, type Result } from '../../protocol/result';
import type { CoordinatorChoice } from '../../contract/settings';
import { originOf } from '../ipc/call-registry';
import type { MainErrorCode } from '../errors';
import type { SecretVault } from './secret-vault';

const EMBEDDED_TOKEN = 'embedded-access-token';
const EMBEDDED_TOKEN_BYTES = 32;
const REMOTE_TOKEN_PREFIX = 'remote-access-token:';
/** A token entered before the coordinator it belongs to; it goes to the first one that is chosen. */
const UNBOUND_TOKEN = `${REMOTE_TOKEN_PREFIX}unbound`;

/**
 * Access tokens of coordinators. A token belongs to the scheme and host it was entered for and is never sent to another
 * one, so that changing the address cannot hand a secret to a stranger.
 */
export class AccessTokens {
  readonly #vault: SecretVault;
  /** Address of the coordinator that last refused to answer without a token; the next token entered is meant for it. */
  #asking: string | null = null;

  constructor(vault: SecretVault) {
    this.#vault = vault;
  }

  /** The embedded coordinator's token, made at the first start and kept, so that nodes that joined can come back. */
  async embedded(): Promise<Result<string, MainErrorCode>> {
    const stored = this.#vault.read(EMBEDDED_TOKEN);
    if (stored.ok && stored.value !== null) return success(stored.value);
    // A token that cannot be decrypted is replaced: nodes that joined have to be told the new one.
    const token = randomBytes(EMBEDDED_TOKEN_BYTES).toString('base64url');
    const saved = await this.#vault.write(EMBEDDED_TOKEN, token);
    return saved.ok ? success(token) : saved;
  }

  /** A coordinator that was tried asked for a token, before it was chosen in the settings. */
  noteAsking(url: string): void {
    this.#asking = url;
  }

  /** Keeps a token for the coordinator that asked for one, else for the chosen one; null removes the chosen one's. */
  async setRemote(choice: CoordinatorChoice, token: string | null): Promise<Result<void, MainErrorCode>> {
    const chosen = choice.kind === 'remote' ? nameFor(choice.url) : UNBOUND_TOKEN;
    if (token !== null) {
      const name = this.#asking === null ? chosen : nameFor(this.#asking);
      this.#asking = null;
      return this.#vault.write(name, token);
    }
    const removed = await this.#vault.remove(chosen);
    return removed.ok ? this.#vault.remove(UNBOUND_TOKEN) : removed;
  }

  /** The token for a remote coordinator, null when there is none. Binds a token that was entered before. */
  async remote(url: string): Promise<Result<string | null, MainErrorCode>> {
    const bound = this.#vault.read(nameFor(url));
    if (!bound.ok || bound.value !== null) return bound;
    const unbound = this.#vault.read(UNBOUND_TOKEN);
    if (!unbound.ok || unbound.value === null) return unbound;
    const moved = await this.#vault.write(nameFor(url), unbound.value);
    if (!moved.ok) return moved;
    const removed = await this.#vault.remove(UNBOUND_TOKEN);
    return removed.ok ? unbound : removed;
  }

  /** The token to try an address with: its own, or one that was entered for a coordinator yet to be named. */
  forTrying(url: string): string | null {
    for (const name of [nameFor(url), UNBOUND_TOKEN]) {
      const stored = this.#vault.read(name);
      if (stored.ok && stored.value !== null) return stored.value;
    }
    return null;
  }

  /** The token that was given for this very coordinator; never one that waits for another to be named. */
  boundTo(url: string): string | null {
    const stored = this.#vault.read(nameFor(url));
    return stored.ok ? stored.value : null;
  }

  /** Whether there is a token for the chosen coordinator, or one waiting for a coordinator to be chosen. */
  hasRemote(choice: CoordinatorChoice): boolean {
    const names = choice.kind === 'remote' ? [nameFor(choice.url), UNBOUND_TOKEN] : [UNBOUND_TOKEN];
    return names.some((name) => this.#vault.has(name));
  }
}

/** What secrets of a coordinator are kept by: a socket address names the same one as its web address. */
export function coordinatorOrigin(url: string): string {
  return originOf(url.replace(/^ws/i, 'http')) ?? url;
}

function nameFor(url: string): string {
  return `${REMOTE_TOKEN_PREFIX}${coordinatorOrigin(url)}`;
}
