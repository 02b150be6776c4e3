import { WIRE_LIMITS } from '../../protocol/wire/limits';

/** How guessing is set for a pipeline. */
export interface DraftSettings {
  /** Most tokens guessed at once; 0 guesses nothing. */
  readonly maxDraftTokens: number;
}

/** Tokens that must match for a continuation to be looked up: long matches first, as they are right more often. */
const LONGEST_MATCH = 4;
const SHORTEST_MATCH = 2;
/** Tokens of prompt and answer that are searched, newest first: bounds the work of a long conversation. */
const SEARCHED_TOKENS = 4_096;
/** Weight of a new measurement in the running means. */
const MEAN_WEIGHT = 0.2;
/** After a useless guess as many steps go without one; doubled each time in a row up to this. */
const MAX_PAUSE_STEPS = 64;

/**
 * What followed the last time the newest tokens appeared: the longest match wins, and of equal ones the latest.
 * (Prompt lookup decoding, Saxena 2023.)
 */
export function lookUp(ids: readonly number[], count: number): number[] {
  if (count <= 0) return [];
  const oldest = Math.max(0, ids.length - SEARCHED_TOKENS);
  for (let length = Math.min(LONGEST_MATCH, ids.length - 1); length >= SHORTEST_MATCH; length -= 1) {
    const tail = ids.length - length;
    for (let start = tail - 1; start >= oldest; start -= 1) {
      let same = 0;
      while (same < length && ids[start + same] === ids[tail + same]) same += 1;
      if (same === length) return repeatFrom(ids, start + length, count);
    }
  }
  return [];
}

/** Continues a repetition beyond what was written: a match that overlaps the end goes round. */
function repeatFrom(ids: readonly number[], start: number, count: number): number[] {
  const period = ids.length - start;
  return Array.from({ length: count }, (_, index) => ids[start + (index % period)] ?? 0);
}

/**
 * Guesses the next tokens from prompt and answer, and decides how many are worth a try. A step that verifies guesses
 * takes longer than a plain one, so the mean times of both and the share of right guesses are kept; where guessing does
 * not pay it pauses, longer each time in a row.
 */
export class DraftSource {
  private plainMs: number | null = null;
  private readonly extraMs = { mean: 0, isKnown: false };
  private rightShare = 0.6;
  private pause = 0;
  private uselessInRow = 0;

  constructor(private readonly settings: DraftSettings) {}

  /** Guesses for the step behind the last of `ids`; often none. */
  guess(ids: readonly number[], room: number): number[] {
    const most = Math.min(this.settings.maxDraftTokens, WIRE_LIMITS.maxDraftTokens, room);
    if (most <= 0) return [];
    // The time of a plain step is needed to judge the others by.
    if (this.plainMs === null) return [];
    if (this.pause > 0) {
      this.pause -= 1;
      return [];
    }
    return lookUp(ids, Math.min(most, this.bestCount(most)));
  }

  /** Learns from a step: how many guesses it carried, how many tokens came of it, how long it took. */
  observe(guessed: number, tokens: number, elapsedMs: number): void {
    if (guessed === 0) {
      this.plainMs = mean(this.plainMs, elapsedMs);
      return;
    }
    const right = tokens - 1;
    const perGuess = Math.max(0, elapsedMs - (this.plainMs ?? elapsedMs)) / guessed;
    this.extraMs.mean = this.extraMs.isKnown ? mean(this.extraMs.mean, perGuess) : perGuess;
    this.extraMs.isKnown = true;
    // Each right guess is a success, the first wrong one a failure; what stands behind it was never tried.
    const tried = Math.min(guessed, right + 1);
    this.rightShare += (right / tried - this.rightShare) * (1 - (1 - MEAN_WEIGHT) ** tried);
    if (elapsedMs <= tokens * (this.plainMs ?? elapsedMs)) {
      this.uselessInRow = 0;
      return;
    }
    this.uselessInRow += 1;
    this.pause = Math.min(MAX_PAUSE_STEPS, 2 ** this.uselessInRow);
  }

  /** The number of guesses with the most expected tokens per time. */
  private bestCount(most: number): number {
    const plainMs = this.plainMs ?? 1;
    let best = 1;
    let bestRate = 0;
    let expected = 1;
    let chance = 1;
    for (let count = 1; count <= most; count += 1) {
      chance *= this.rightShare;
      expected += chance;
      const rate = expected / (plainMs + count * this.extraMs.mean);
      if (rate > bestRate) {
        best = count;
        bestRate = rate;
      }
    }
    return best;
  }
}

function mean(before: number | null, value: number): number {
  return before === null ? value : before + MEAN_WEIGHT * (value - before);
}
