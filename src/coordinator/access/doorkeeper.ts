import type { AccessService } from './access-service';

/** Between two looks at everybody who is inside. */
const REVIEW_INTERVAL_MS = 60_000;

/** The connections that stay open after somebody came in. */
export interface OpenConnections {
  connectedKeys(): readonly string[];
  expel(publicKey: string, reason: string): void;
}

/**
 * Shows those out whose membership has ended while they were inside: an agreement that expired or was terminated, an
 * entry an administrator of another replica removed. Every new call is refused without it; this ends the connections.
 */
export class Doorkeeper {
  private reviewedAtMs: number | null = null;

  constructor(
    private readonly access: Pick<AccessService, 'terms' | 'principalOf' | 'admit'>,
    private readonly connections: OpenConnections,
  ) {}

  /** Looks at the keys that may have lost their membership just now. */
  async reviewKeys(keys: readonly string[]): Promise<void> {
    if (this.access.terms.policy === 'open') return;
    for (const key of keys) {
      const admitted = this.access.admit(await this.access.principalOf(key), { who: 'member' });
      if (!admitted.ok) this.connections.expel(key, 'no longer a member');
    }
  }

  /** Looks at everybody, at most once a minute. */
  async review(nowMs: number): Promise<void> {
    if (this.reviewedAtMs !== null && nowMs - this.reviewedAtMs < REVIEW_INTERVAL_MS) return;
    this.reviewedAtMs = nowMs;
    await this.reviewKeys(this.connections.connectedKeys());
  }
}
