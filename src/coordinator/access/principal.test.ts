import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { AccessPolicyName, AccessRole } from '../../protocol/compute/http/access';
import { admit, joinInstructions, mayActFor, rolesByPolicy, type AccessRule, type Principal } from './principal';

const terms = (policy: AccessPolicyName): { policy: AccessPolicyName; instructions: string } => ({
  policy,
  instructions: joinInstructions(policy, 'Ask it@example.', false),
});
const someone = (publicKey: string | null, ...roles: AccessRole[]): Principal => ({
  publicKey,
  roles: new Set(roles),
  isBlocked: false,
});
const codeOf = (result: ReturnType<typeof admit>): string => (result.ok ? 'ok' : result.error.code);

describe('admit', () => {
  it.each<[string, Principal, AccessRule, AccessPolicyName, string]>([
    ['a stranger in open mode', someone(null, 'node', 'user'), { who: 'spender' }, 'open', 'ok'],
    [
      'a stranger as administrator in open mode',
      someone(null, 'node', 'user'),
      { who: 'administrator' },
      'open',
      'identity-required',
    ],
    ['a stranger in keyed mode', someone(null), { who: 'member' }, 'keyed', 'identity-required'],
    ['a key in keyed mode', someone('k', 'node', 'user'), { who: 'user' }, 'keyed', 'ok'],
    ['a key that is no member', someone('k'), { who: 'member' }, 'institution', 'not-a-member'],
    ['a member who only asks, as node', someone('k', 'user'), { who: 'node' }, 'institution', 'role-missing'],
    ['a member who only asks, for its own node id', someone('k', 'user'), { who: 'owner' }, 'institution', 'ok'],
    [
      'a member who only contributes, spending',
      someone('k', 'node'),
      { who: 'spender' },
      'institution',
      'role-missing',
    ],
    ['an administrator looking after a node', someone(null, 'administrator'), { who: 'owner' }, 'institution', 'ok'],
    [
      'an administrator spending',
      someone(null, 'administrator'),
      { who: 'spender' },
      'institution',
      'identity-required',
    ],
    ['anybody at an open door', someone(null), { who: 'anyone' }, 'institution', 'ok'],
  ])('%s', (_name, principal, rule, policy, expected) => {
    expect(codeOf(admit(principal, rule, terms(policy)))).toBe(expected);
  });

  it('tells whoever is turned away how to get in', () => {
    const refused = admit(someone('k'), { who: 'member' }, terms('institution'));
    expect(refused.ok ? '' : refused.error.suggestion).toMatch(/invitation code .*Ask it@example\./);
  });

  it('lets a blocked key through no door but the open ones, whatever roles it has', () => {
    const rules: AccessRule[] = (['member', 'node', 'user', 'owner', 'spender', 'administrator'] as const).map(
      (who) => ({ who }),
    );
    fc.assert(
      fc.property(
        fc.subarray<AccessRole>(['node', 'user', 'administrator']),
        fc.constantFrom<AccessPolicyName>('open', 'keyed', 'institution'),
        fc.constantFrom(...rules),
        (roles, policy, rule) => {
          const blocked = { ...someone('k', ...roles), isBlocked: true };
          expect(codeOf(admit(blocked, rule, terms(policy)))).toBe('access-blocked');
        },
      ),
    );
  });
});

describe('mayActFor', () => {
  it('lets nobody but the owner spend outside open mode', () => {
    fc.assert(
      fc.property(
        fc.subarray<AccessRole>(['node', 'user', 'administrator']),
        fc.constantFrom<AccessPolicyName>('keyed', 'institution'),
        fc.constantFrom('own', 'other', null),
        (roles, policy, key) => {
          const allowed = mayActFor(someone(key, ...roles), 'own', { who: 'spender' }, terms(policy));
          expect(allowed.ok).toBe(key === 'own');
        },
      ),
    );
  });

  it('lets administrators look after any node', () => {
    expect(mayActFor(someone(null, 'administrator'), 'own', { who: 'owner' }, terms('keyed')).ok).toBe(true);
    expect(codeOf(mayActFor(someone('other', 'node'), 'own', { who: 'owner' }, terms('keyed')))).toBe('owner-only');
  });
});

describe('rolesByPolicy', () => {
  it('gives strangers everything a baseline client needs in open mode alone', () => {
    expect(rolesByPolicy('open', false)).toEqual(['node', 'user']);
    expect(rolesByPolicy('keyed', false)).toEqual([]);
    expect(rolesByPolicy('keyed', true)).toEqual(['node', 'user']);
    expect(rolesByPolicy('institution', true)).toEqual([]);
  });
});
