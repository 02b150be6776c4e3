import { readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { CHALLENGE_SETS } from './challenge-sets';
import { POLICY_TEMPLATES, policyWords } from './policy';
import { CAPABILITY_TAXONOMY, domainTitle, isListedCapability, subdomainTitle } from './taxonomy';

describe('what is shipped as data', () => {
  it('has every policy file among the templates that fit the schema', () => {
    const files = readdirSync('resources/policies').filter((name) => name.endsWith('.json'));
    expect(POLICY_TEMPLATES.map(({ id }) => `${id}.json`).sort()).toEqual(files.sort());
    // An institution's door and an agreement of another mode would contradict each other.
    for (const { governance_mode: mode, access_policy: access } of POLICY_TEMPLATES) {
      expect(mode === 'institution').toBe(access === 'institution');
    }
  });

  it('names challenges by words of the taxonomy, and compute ones with a length', () => {
    const challenges = CHALLENGE_SETS.flatMap((set) => set.challenges);
    expect(challenges.length).toBeGreaterThan(5);
    for (const { domain, subdomain, form, maxNewTokens } of challenges) {
      expect(isListedCapability(domain, subdomain)).toBe(true);
      expect(form === 'compute').toBe(maxNewTokens !== null);
    }
  });

  it('has each word of the taxonomy once, and shows unknown ones as they are', () => {
    const ids = CAPABILITY_TAXONOMY.flatMap(({ id, subdomains }) => [
      id,
      ...subdomains.map((one) => `${id}/${one.id}`),
    ]);
    expect(new Set(ids).size).toBe(ids.length);
    expect(domainTitle('medicine', 'en')).toBe('Medicine');
    expect(subdomainTitle('medicine', 'public_health', 'en')).toBe('Public health');
    expect(subdomainTitle('medicine', 'public_health', 'tr')).toBe('Halk sağlığı');
    expect(domainTitle('gastronomy', 'tr')).toBe('Gastronomy');
    expect(subdomainTitle('gastronomy', 'sour_dough', 'en')).toBe('Sour dough');
  });
});

it('says the same in Turkish, sentence by sentence, and falls back to English', () => {
  for (const policy of POLICY_TEMPLATES) {
    const words = policyWords(policy, 'tr');
    expect(words.title).not.toBe(policy.title);
    expect(words.explains).toHaveLength(policy.explains.length);
    expect(words.advice).toHaveLength(policy.advice.length);
    expect(policyWords(policy, 'de').title).toBe(policy.title);
  }
});
