/** Weight an older step keeps with each new one: about the last twenty count. */
const KEPT_WEIGHT = 0.95;
/** Until steps with guesses were seen, a guess is taken to cost this part of a plain step. */
const ASSUMED_EXTRA = 0.25;
/** Weight of what was known about the cost of a guess beside the steps at hand, in guesses². */
const PRIOR_WEIGHT = 0.5;
/** What a guess costs is believed a little less with each step without one, so that an unlucky measurement is repeated. */
const BELIEF_KEPT = 0.95;
/** A step this many times longer than expected tells of a stall or a repair, and counts no more than this. */
const MOST_SURPRISE = 4;

/**
 * What steps cost: a plain one, and each guess that is verified with it. A line through time over guesses, least squares
 * with older steps counting less, so that neither kind needs to be tried for its own sake.
 */
export class StepCosts {
  private weight = 0;
  private sumGuesses = 0;
  private sumMs = 0;
  private sumSquares = 0;
  private sumProducts = 0;
  private fitted: { readonly plainMs: number; readonly extraMs: number } | null = null;
  private hasGuessed = false;

  /** Milliseconds of a step without guesses; null until a step was seen. */
  get plainMs(): number | null {
    return this.fitted?.plainMs ?? null;
  }

  /** Milliseconds that each guess adds. */
  get extraMs(): number {
    return this.fitted?.extraMs ?? 0;
  }

  /** Whether the cost of guesses was measured, not assumed. */
  get isMeasured(): boolean {
    return this.hasGuessed;
  }

  observe(guesses: number, elapsedMs: number): void {
    const { fitted } = this;
    const most = fitted === null ? elapsedMs : MOST_SURPRISE * (fitted.plainMs + guesses * fitted.extraMs);
    const ms = Math.min(elapsedMs, most);
    this.weight = this.weight * KEPT_WEIGHT + 1;
    this.sumGuesses = this.sumGuesses * KEPT_WEIGHT + guesses;
    this.sumMs = this.sumMs * KEPT_WEIGHT + ms;
    this.sumSquares = this.sumSquares * KEPT_WEIGHT + guesses * guesses;
    this.sumProducts = this.sumProducts * KEPT_WEIGHT + guesses * ms;
    if (guesses > 0) this.hasGuessed = true;
    const meanGuesses = this.sumGuesses / this.weight;
    const meanMs = this.sumMs / this.weight;
    const spread = this.sumSquares - meanGuesses * this.sumGuesses;
    const together = this.sumProducts - meanGuesses * this.sumMs;
    const believed = this.hasGuessed && fitted !== null ? fitted.extraMs : ASSUMED_EXTRA * meanMs;
    const prior = this.hasGuessed && guesses === 0 ? BELIEF_KEPT * believed : believed;
    const slope = (together + PRIOR_WEIGHT * prior) / (spread + PRIOR_WEIGHT);
    const extraMs = Math.min(Math.max(0, slope), meanGuesses > 0 ? meanMs / meanGuesses : slope);
    this.fitted = { plainMs: Math.max(0, meanMs - meanGuesses * extraMs), extraMs };
  }
}
