import type { AccessPolicyName, AccessRole } from '../../protocol/compute/http/access';
import { success } from '../../protocol/result';
import { refuse, type CoordinatorResult } from '../errors';

/** Somebody at a door, as far as they proved who they are. */
export interface Principal {
  /** Proved Ed25519 key, raw bytes in base64; null without one. */
  readonly publicKey: string | null;
  readonly roles: ReadonlySet<AccessRole>;
  /** An administrator shut this key out. */
  readonly isBlocked: boolean;
}

/**
 * What a door asks for. `owner` doors concern one node: only its own key may act for it. Administrators may look after
 * other nodes (`owner`), but never spend their balance (`spender`).
 */
export type AccessRule =
  | { readonly who: 'anyone' }
  | { readonly who: 'member' }
  | { readonly who: 'node' | 'user' }
  | { readonly who: 'owner' | 'spender' }
  | { readonly who: 'administrator' };

/** The policy in force and what a newcomer is told. */
export interface AccessTerms {
  readonly policy: AccessPolicyName;
  /** How to get in, one or two sentences. */
  readonly instructions: string;
}

/** Roles a proved key has by the policy alone, before any membership. */
export function rolesByPolicy(policy: AccessPolicyName, hasKey: boolean): readonly AccessRole[] {
  if (policy === 'open') return ['node', 'user'];
  return policy === 'keyed' && hasKey ? ['node', 'user'] : [];
}

/** What to do to get in, for people: the policy's own sentence and what the operator added. */
export function joinInstructions(policy: AccessPolicyName, operatorText: string, takesAgreements: boolean): string {
  const own = {
    open: 'Anybody may use this coordinator; no key is needed.',
    keyed:
      'Sign every request with your own key, or open a session with one signed call of POST /access/session. The Tore app does this by itself.',
    institution:
      'Members only: redeem an invitation code with POST /access/join, or enter it in the Tore app, or have your public key put on the list by an administrator.',
  }[policy];
  const byAgreement =
    policy === 'institution' && takesAgreements
      ? 'Whoever has an agreement with the institution shows it with POST /access/agreements, or in the Tore app under Discovery.'
      : '';
  return [own, byAgreement, operatorText].filter(Boolean).join(' ');
}

/** The role a rule needs; null where any member will do. */
function neededRole(rule: AccessRule): AccessRole | null {
  switch (rule.who) {
    case 'anyone':
    case 'member':
      return null;
    case 'owner':
      return 'node';
    case 'spender':
      return 'user';
    case 'node':
    case 'user':
    case 'administrator':
      return rule.who;
  }
}

/**
 * Whether a principal may pass. Fails with `identity-required` (say who you are), `access-blocked`, `not-a-member` or
 * `role-missing`, each with how to get in. Ownership of the node concerned is `mayActFor`.
 */
export function admit(principal: Principal, rule: AccessRule, terms: AccessTerms): CoordinatorResult<void> {
  if (rule.who === 'anyone') return success(undefined);
  if (principal.isBlocked) {
    return refuse('access-blocked', 'An administrator of this coordinator has shut this key out.', {
      suggestion: 'Ask an administrator of the coordinator.',
    });
  }
  const role = neededRole(rule);
  const isAllowed = role === null ? principal.roles.size > 0 : principal.roles.has(role);
  // A node's owner who may only ask still looks after the node that holds the balance.
  const isOwnUser = rule.who === 'owner' && principal.roles.has('user');
  if (isAllowed || isOwnUser || (principal.roles.has('administrator') && rule.who !== 'spender')) {
    return success(undefined);
  }
  if (principal.publicKey === null) {
    return role === 'administrator'
      ? refuse('identity-required', 'Only administrators of this coordinator may do this.', {
          suggestion: 'Present the administrator token as a bearer, or sign with an administrator key.',
        })
      : refuse('identity-required', 'This coordinator wants to know who is asking.', {
          suggestion: terms.instructions,
        });
  }
  if (principal.roles.size === 0) {
    return refuse('not-a-member', 'This key is not a member of this coordinator.', { suggestion: terms.instructions });
  }
  return refuse('role-missing', `This key may not do this: it lacks the role "${role ?? 'member'}".`, {
    suggestion: 'Ask an administrator of the coordinator for the role.',
  });
}

/** Whether a principal may act for the node that has `ownerKey`. In open mode everybody may, as the baseline has it. */
export function mayActFor(
  principal: Principal,
  ownerKey: string,
  rule: AccessRule,
  terms: AccessTerms,
): CoordinatorResult<void> {
  if (rule.who !== 'owner' && rule.who !== 'spender') return success(undefined);
  const isOwner = principal.publicKey === ownerKey;
  const isKeeper = rule.who === 'owner' && principal.roles.has('administrator');
  if (terms.policy === 'open' || isOwner || isKeeper) return success(undefined);
  return refuse(
    'owner-only',
    rule.who === 'spender'
      ? 'Only the key of this node may spend its balance.'
      : 'Only the key of this node may do this for it.',
    { suggestion: 'Sign with the key the node was registered with.' },
  );
}
