import { randomBytes } from 'node:crypto';
import { success, type Result } from '../../protocol/result';
import type { CoordinatorChoice } from '../../contract/settings';
import { originOf } from '../ipc/call-registry';
import type { MainErrorCode } from '../errors';
import type { SecretVault } from './secret-vault';

const EMBEDDED_TOKEN = 'embedded-access-token';
const EMBEDDED_TOKEN_BYTES = 32;
const REMOTE_TOKEN_PREFIX = 'remote-access-token:';

/**
 * Access tokens of coordinators. A token belongs to the scheme and host it was entered for and is never sent to another
 * one, so that changing the address cannot hand a secret to a stranger.
 */
export class AccessTokens {
  readonly #vault: SecretVault;

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

  /** Keeps the token that was entered for this coordinator; null forgets it. */
  set(url: string, token: string | null): Promise<Result<void, MainErrorCode>> {
    return token === null ? this.#vault.remove(nameFor(url)) : this.#vault.write(nameFor(url), token);
  }

  /** The token that was entered for this coordinator, null when there is none. */
  of(url: string): Result<string | null, MainErrorCode> {
    return this.#vault.read(nameFor(url));
  }

  /** The same, for one that is tried: a token that cannot be read counts as none. */
  boundTo(url: string): string | null {
    const stored = this.of(url);
    return stored.ok ? stored.value : null;
  }

  /** Whether there is a token for the chosen coordinator. */
  has(choice: CoordinatorChoice): boolean {
    return choice.kind === 'remote' && this.#vault.has(nameFor(choice.url));
  }
}

/** What secrets of a coordinator are kept by: a socket address names the same one as its web address. */
export function coordinatorOrigin(url: string): string {
  return originOf(url.replace(/^ws/i, 'http')) ?? url;
}

function nameFor(url: string): string {
  return `${REMOTE_TOKEN_PREFIX}${coordinatorOrigin(url)}`;
}
