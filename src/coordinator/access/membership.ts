import type { AccessRole } from '../../protocol/compute/http/access';

/** What one source says about a key. */
export interface Membership {
  readonly roles: readonly AccessRole[];
  /** Where it comes from, in plain words, for administrators: `invitation 3f…`, `agreement with …`. */
  readonly reason: string;
}

/**
 * Somewhere members come from: the configured list, invitations, agreements of tore-0002. Asked whenever a key comes to
 * a door, so what it says takes effect at once; it answers from memory or one indexed read.
 */
export interface MembershipSource {
  /** Short name for logs and the administrator's list. */
  readonly name: string;
  membershipOf(publicKey: string): Promise<Membership | null>;
}

/** Members and administrators named in the coordinator's configuration. */
export class ConfiguredMembers implements MembershipSource {
  readonly name = 'configuration';
  private readonly allowed: ReadonlySet<string>;
  private readonly administrators: ReadonlySet<string>;

  constructor(config: { readonly allowedKeys: readonly string[]; readonly administratorKeys: readonly string[] }) {
    this.allowed = new Set(config.allowedKeys);
    this.administrators = new Set(config.administratorKeys);
  }

  membershipOf(publicKey: string): Promise<Membership | null> {
    const roles: AccessRole[] = [];
    if (this.administrators.has(publicKey)) roles.push('administrator', 'node', 'user');
    else if (this.allowed.has(publicKey)) roles.push('node', 'user');
    return Promise.resolve(roles.length === 0 ? null : { roles, reason: 'named in the configuration' });
  }
}
