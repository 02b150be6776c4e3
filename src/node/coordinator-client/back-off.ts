import type { Failure } from '../../protocol/result';
import type { Clock } from '../clock';
import type { NodeErrorCode } from '../errors';

/** First and longest pause between attempts, and how long things must go well before the pauses start small again. */
export const BACK_OFF = { firstMs: 1_000, longestMs: 60_000, calmAfterMs: 120_000 } as const;
/** Longest pause where an attempt hardly helps, but may. */
export const SLOW_RETRY_MS = 300_000;

/** What a coordinator that knows this node says, and will say again. */
const FINAL_FAILURES: ReadonlySet<string> = new Set<NodeErrorCode>([
  'connection-replaced',
  'coordinator-unauthorized',
  'proof-refused',
]);

/**
 * Growing pauses between attempts: doubled each time up to a limit, each drawn from its upper half so that many nodes
 * that lost the same coordinator do not come back in the same instant.
 */
export class BackOff {
  private attempts = 0;
  /** A failure after this moment finds that things had gone well. */
  private calmAtMs: number | null = null;

  constructor(private readonly clock: Clock) {}

  /** Milliseconds to wait before the next attempt. */
  nextDelayMs(longestMs: number = BACK_OFF.longestMs): number {
    const nowMs = this.clock.monotonicMs();
    if (this.calmAtMs !== null && nowMs > this.calmAtMs) this.attempts = 0;
    const ceiling = Math.min(longestMs, BACK_OFF.firstMs * 2 ** this.attempts);
    const delayMs = Math.round(ceiling / 2 + (ceiling / 2) * this.clock.random());
    this.attempts += 1;
    this.calmAtMs = nowMs + delayMs + BACK_OFF.calmAfterMs;
    return delayMs;
  }

  /**
   * Milliseconds after which coming back to a coordinator may help; null: not before something is changed.
   *
   * @param isKnown - it took this node before, so it is one, whatever a proxy or a login page says in its place now
   */
  delayAfter(error: Failure, isKnown: boolean): number | null {
    if (error.retryable) return this.nextDelayMs();
    return isKnown && !FINAL_FAILURES.has(error.code) ? this.nextDelayMs(SLOW_RETRY_MS) : null;
  }

  /** Attempts since things last went well. */
  get attempt(): number {
    return this.attempts;
  }

  reset(): void {
    this.attempts = 0;
    this.calmAtMs = null;
  }
}
