import type { ChallengeRecord } from '../../../protocol/compute/node-snapshot';

export interface ChallengeSummary {
  readonly passed: number;
  /** Wrong answers and those that could not be given. */
  readonly failed: number;
  readonly waiting: number;
}

export function summarizeChallenges(challenges: readonly ChallengeRecord[]): ChallengeSummary {
  const count = (...verdicts: ChallengeRecord['verdict'][]): number =>
    challenges.filter(({ verdict }) => verdicts.includes(verdict)).length;
  return { passed: count('passed'), failed: count('failed', 'error'), waiting: count('waiting') };
}

/** Newest first. */
export function sortChallenges(challenges: readonly ChallengeRecord[]): ChallengeRecord[] {
  return [...challenges].sort((first, second) => Date.parse(second.receivedAt) - Date.parse(first.receivedAt));
}

/** The challenge that moved the reliability last; while none was decided, the one that waits; null without any. */
export function lastDecided(challenges: readonly ChallengeRecord[]): ChallengeRecord | null {
  const sorted = sortChallenges(challenges);
  return sorted.find(({ verdict }) => verdict !== 'waiting') ?? sorted[0] ?? null;
}
