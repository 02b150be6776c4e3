import starter from '../../../resources/challenges/starter.json';

/** A challenge that can be taken instead of written. */
export interface ReadyChallenge {
  readonly domain: string;
  readonly subdomain: string;
  readonly form: 'question' | 'compute';
  readonly prompt: string;
  readonly maxNewTokens: number | null;
}

export interface ChallengeSet {
  readonly id: string;
  readonly title: string;
  readonly challenges: readonly ReadyChallenge[];
}

interface StoredChallenge {
  readonly domain: string;
  readonly subdomain: string;
  readonly form: string;
  readonly prompt: string;
  readonly max_new_tokens?: number;
}

/** Challenges that come with the app, in sets. Each party judges the answers alone, so there are no right ones here. */
export const CHALLENGE_SETS: readonly ChallengeSet[] = starter.sets.map(({ id, title, challenges }) => ({
  id,
  title,
  challenges: challenges.map((one: StoredChallenge) => ({
    domain: one.domain,
    subdomain: one.subdomain,
    form: one.form === 'compute' ? 'compute' : 'question',
    prompt: one.prompt,
    maxNewTokens: one.max_new_tokens ?? null,
  })),
}));
