import type { Clock } from '../clock';

/** First and longest pause between attempts, and how long things must go well before the pauses start small again. */
export const BACK_OFF = { firstMs: 1_000, longestMs: 60_000, calmAfterMs: 120_000 } as const;

/**
 * Growing pauses between attempts: doubled each time up to a minute, each drawn from its upper half so that many nodes
 * that lost the same coordinator do not come back in the same instant.
 */
export class BackOff {
  private attempts = 0;
  private lastFailureMs: number | null = null;

  constructor(private readonly clock: Clock) {}

  /** Milliseconds to wait before the next attempt. */
  nextDelayMs(): number {
    const now = this.clock.now();
    if (this.lastFailureMs !== null && now - this.lastFailureMs > BACK_OFF.calmAfterMs) this.attempts = 0;
    this.lastFailureMs = now;
    const ceiling = Math.min(BACK_OFF.longestMs, BACK_OFF.firstMs * 2 ** this.attempts);
    this.attempts += 1;
    return Math.round(ceiling / 2 + (ceiling / 2) * this.clock.random());
  }

  /** Attempts since things last went well. */
  get attempt(): number {
    return this.attempts;
  }

  reset(): void {
    this.attempts = 0;
    this.lastFailureMs = null;
  }
}
