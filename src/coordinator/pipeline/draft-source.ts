import { WIRE_LIMITS } from '../../protocol/wire/limits';
import { StepCosts } from './step-costs';

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
/** Weight of a new guess in the share of right ones. */
const SHARE_WEIGHT = 0.1;
/** Shares of right guesses before any was seen, by the length of the match. */
const ASSUMED_SHARES: readonly (readonly [number, number])[] = [
  [2, 0.4],
  [3, 0.6],
  [4, 0.8],
];
/** Part of the time of plain steps that guesses may cost in vain. */
const ALLOWED_LOSS = 0.02;
/** Plain steps that may be lost before any was won, and the most that winnings are saved up for bad times. */
const FIRST_LOSS_STEPS = 0.75;
const MOST_SAVED_STEPS = 4;

/**
 * What followed the last time the newest tokens appeared: the longest match wins, and of equal ones the latest.
 * (Prompt lookup decoding, Saxena 2023.)
 */
export function lookUp(ids: readonly number[], count: number): { matched: number; guesses: number[] } {
  if (count <= 0) return { matched: 0, guesses: [] };
  const oldest = Math.max(0, ids.length - SEARCHED_TOKENS);
  for (let length = Math.min(LONGEST_MATCH, ids.length - 1); length >= SHORTEST_MATCH; length -= 1) {
    const tail = ids.length - length;
    for (let start = tail - 1; start >= oldest; start -= 1) {
      let same = 0;
      while (same < length && ids[start + same] === ids[tail + same]) same += 1;
      if (same === length) return { matched: length, guesses: repeatFrom(ids, start + length, count) };
    }
  }
  return { matched: 0, guesses: [] };
}

/** Continues a repetition beyond what was written: a match that overlaps the end goes round. */
function repeatFrom(ids: readonly number[], start: number, count: number): number[] {
  const period = ids.length - start;
  return Array.from({ length: count }, (_, index) => ids[start + (index % period)] ?? 0);
}

/**
 * Guesses the next tokens from prompt and answer, and decides how many are worth a try: as many as give the most tokens per
 * time, by what plain steps and guesses were measured to cost and by how often look-ups were right. Those are judged also
 * while nothing is guessed, so that it costs nothing to find out that guessing pays.
 *
 * What guesses may lose is bounded: a fiftieth of the time spent, and what they won before. Where nothing comes true an
 * answer takes at most a little longer than without them.
 */
export class DraftSource {
  private readonly costs = new StepCosts();
  private readonly rightShares = new Map(ASSUMED_SHARES);
  /** What the last look-up found, and where. */
  private lookedUp = { at: 0, matched: 0, guesses: new Array<number>() };
  /** Milliseconds that guesses may still lose. */
  private spareMs: number | null = null;

  constructor(private readonly settings: DraftSettings) {}

  /** Guesses for the step behind the last of `ids`; often none. */
  guess(ids: readonly number[], room: number): number[] {
    const most = Math.min(this.settings.maxDraftTokens, WIRE_LIMITS.maxDraftTokens, room);
    this.learn(ids);
    const found = lookUp(ids, most);
    this.lookedUp = { at: ids.length, ...found };
    return found.guesses.slice(0, this.worthwhile(found.matched, found.guesses.length));
  }

  /** Learns from a step: how many guesses it carried, how many tokens came of it, how long it took. */
  observe(guessed: number, tokens: number, elapsedMs: number): void {
    this.costs.observe(guessed, elapsedMs);
    const { plainMs, extraMs } = this.costs;
    if (plainMs === null) return;
    const won = guessed === 0 ? 0 : (tokens - 1) * plainMs - guessed * extraMs;
    const spareMs = (this.spareMs ?? FIRST_LOSS_STEPS * plainMs) + won + ALLOWED_LOSS * tokens * plainMs;
    this.spareMs = Math.min(spareMs, MOST_SAVED_STEPS * plainMs);
  }

  /** Compares the last look-up with what came. */
  private learn(ids: readonly number[]): void {
    const { at, matched, guesses } = this.lookedUp;
    let share = this.rightShares.get(matched);
    if (share === undefined) return;
    // Behind the first wrong guess nothing can be told.
    for (const [index, guess] of guesses.entries()) {
      const token = ids[at + index];
      if (token === undefined) break;
      share += SHARE_WEIGHT * ((token === guess ? 1 : 0) - share);
      if (token !== guess) break;
    }
    this.rightShares.set(matched, share);
  }

  /** The number of guesses with the most expected tokens per time, as far as their loss is bearable. */
  private worthwhile(matched: number, most: number): number {
    const { plainMs, extraMs, isMeasured } = this.costs;
    const share = this.rightShares.get(matched);
    // The time of a plain step is needed to judge the others by.
    if (plainMs === null || this.spareMs === null || share === undefined) return 0;
    const bearable = extraMs === 0 ? most : Math.min(most, Math.floor(this.spareMs / extraMs));
    let best = 0;
    let bestRate = 1 / plainMs;
    let expected = 1;
    let chance = 1;
    for (let count = 1; count <= bearable; count += 1) {
      chance *= share;
      expected += chance;
      const rate = expected / (plainMs + count * extraMs);
      if (rate <= bestRate) continue;
      best = count;
      bestRate = rate;
    }
    // What a guess costs is only known after one.
    return best === 0 && !isMeasured ? Math.min(1, bearable) : best;
  }
}
