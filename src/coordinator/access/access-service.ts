import type { AccessIdentity, AccessRole } from '../../protocol/compute/http/access';
import { REQUEST_PROOF_LIMITS, requestProofText, type RequestProof } from '../../protocol/wire/request-proof';
import { success } from '../../protocol/result';
import { timestampOf, type Clock } from '../clock';
import type { CoordinatorConfig } from '../config';
import { refuse, type CoordinatorResult } from '../errors';
import { normalizePublicKey, type NodeStore } from '../nodes/node-store';
import { isSignedBy } from './key-signature';
import { ConfiguredMembers, type MembershipSource } from './membership';
import type { MemberStore } from './member-store';
import { admit, joinInstructions, mayActFor, rolesByPolicy } from './principal';
import type { AccessRule, AccessTerms, Principal } from './principal';
import { matchesSecret, secretHash } from './secrets';
import { RateBudget } from './rate-budget';
import type { SessionStore } from './session-store';

/** A signed request as it came in. */
export interface SignedRequest extends Omit<RequestProof, 'coordinatorId'> {
  readonly publicKey: string;
  readonly signature: string;
}

const ADMINISTRATOR: Principal = { publicKey: null, roles: new Set<AccessRole>(['administrator']), isBlocked: false };

/** Says who somebody is and what they may do, whatever the door they stand at. */
export class AccessService {
  readonly terms: AccessTerms;
  private readonly sources: MembershipSource[];
  private isGuarded: (publicKey: string) => Promise<boolean> = () => Promise.resolve(false);
  private readonly administratorHash: string | null;
  private readonly budget: RateBudget;

  constructor(
    private readonly config: CoordinatorConfig,
    readonly coordinatorId: string,
    readonly members: MemberStore,
    readonly sessions: SessionStore,
    private readonly nodes: NodeStore,
    private readonly clock: Clock,
  ) {
    const instructions = joinInstructions(
      config.accessPolicy,
      config.joinInstructions,
      config.institutionKeys.length > 0,
    );
    this.terms = { policy: config.accessPolicy, instructions };
    this.sources = [new ConfiguredMembers(config), members];
    this.budget = new RateBudget(config.rateLimitPerMinute);
    this.administratorHash = config.administratorToken === null ? null : secretHash(config.administratorToken);
  }

  /** Another place members come from, such as agreements. Its word takes effect with the next call of a key. */
  addSource(source: MembershipSource): void {
    this.sources.push(source);
  }

  /** Names keys whose balance they alone may spend, also in open mode. */
  guardBalances(isGuarded: (publicKey: string) => Promise<boolean>): void {
    this.isGuarded = isGuarded;
  }

  /** Somebody who proved nothing. */
  anonymous(): Principal {
    return { publicKey: null, roles: new Set(rolesByPolicy(this.terms.policy, false)), isBlocked: false };
  }

  /** Who a proved key is: its roles by the policy and by every source together. */
  async principalOf(provedKey: string): Promise<Principal> {
    const publicKey = normalizePublicKey(provedKey);
    if (await this.members.isBlocked(publicKey)) return { publicKey, roles: new Set(), isBlocked: true };
    const memberships = await Promise.all(this.sources.map((source) => source.membershipOf(publicKey)));
    const roles = new Set<AccessRole>(rolesByPolicy(this.terms.policy, true));
    for (const membership of memberships) for (const role of membership?.roles ?? []) roles.add(role);
    return { publicKey, roles, isBlocked: false };
  }

  /** Who bears a token: the administrator's, or one of a session. Null when it is neither. */
  async principalOfBearer(token: string): Promise<Principal | null> {
    if (this.administratorHash !== null && matchesSecret(token, this.administratorHash)) return ADMINISTRATOR;
    const publicKey = await this.sessions.keyOf(token);
    return publicKey === null ? null : this.principalOf(publicKey);
  }

  /**
   * Who signed a request. Fails with `identity-invalid` when the signature does not fit or the clocks differ too much,
   * and with `request-replayed` when the nonce was used before.
   */
  async principalOfSigned(request: SignedRequest): Promise<CoordinatorResult<Principal>> {
    const nowMs = this.clock.nowMs();
    const { maxClockDifferenceMs } = REQUEST_PROOF_LIMITS;
    if (!Number.isSafeInteger(request.timeMs) || Math.abs(request.timeMs - nowMs) > maxClockDifferenceMs) {
      return refuse('identity-invalid', `The request was not signed now: it is ${timestampOf(nowMs)} here.`, {
        suggestion: 'Set the clock of the computer and try again.',
      });
    }
    const text = requestProofText({ ...request, coordinatorId: this.coordinatorId });
    if (!isSignedBy(request.publicKey, text, request.signature)) {
      return refuse('identity-invalid', 'The signature of the request does not fit its key, call and body.', {
        suggestion: 'Sign the method, the path with its query, the time, the nonce and the SHA-256 of the body.',
      });
    }
    const publicKey = normalizePublicKey(request.publicKey);
    const isFresh = await this.sessions.useNonce(publicKey, request.nonce, request.timeMs + maxClockDifferenceMs);
    if (!isFresh) return refuse('request-replayed', 'This signed request was received before; sign a new one.');
    return success(await this.principalOf(publicKey));
  }

  /** Whether a principal may pass a door at all; the failures of `admit`. */
  admit(principal: Principal, rule: AccessRule): CoordinatorResult<void> {
    return admit(principal, rule, this.terms);
  }

  /** Whether a principal may act for a node. An unknown node passes: the call itself says that there is none. */
  async mayActFor(principal: Principal, nodeId: string, rule: AccessRule): Promise<CoordinatorResult<void>> {
    if (this.terms.policy === 'open' && rule.who !== 'spender') return success(undefined);
    const node = await this.nodes.find(nodeId);
    if (node === undefined) return success(undefined);
    // Whoever shares a session with others must not be paid for by them, or pay for them, without having asked.
    const isOpen = this.terms.policy === 'open' && !(await this.isGuarded(node.public_key));
    return isOpen
      ? success(undefined)
      : mayActFor(principal, node.public_key, rule, { ...this.terms, policy: 'keyed' });
  }

  /** Takes one call from a key's budget, whichever door it came through. Fails with `rate-limited`. */
  takeCall(publicKey: string): CoordinatorResult<void> {
    if (this.budget.take(publicKey, this.clock.nowMs())) return success(undefined);
    return refuse('rate-limited', 'Too many calls with this key; try again in a minute.', { retryable: true });
  }

  /** Lets a key in by its invitation, when it brought one and is no member yet. */
  async welcome(provedKey: string, invitation: string | undefined): Promise<CoordinatorResult<Principal>> {
    const publicKey = normalizePublicKey(provedKey);
    if (invitation !== undefined) {
      const redeemed = await this.members.redeem(publicKey, invitation);
      if (!redeemed.ok) return redeemed;
    }
    return success(await this.principalOf(publicKey));
  }

  /** How the coordinator sees somebody. */
  async identity(principal: Principal): Promise<AccessIdentity> {
    const node = principal.publicKey === null ? undefined : await this.nodes.findByKey(principal.publicKey);
    return { public_key: principal.publicKey, node_id: node?.id ?? null, roles: [...principal.roles] };
  }

  /** Opens a session for a proved key. */
  async openSession(publicKey: string): Promise<{ readonly token: string; readonly expiresAt: string }> {
    return this.sessions.open(publicKey, this.config.sessionMinutes * 60_000);
  }
}
