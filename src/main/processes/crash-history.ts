/** How often a process may crash before nobody starts it again. */
export interface CrashLimits {
  /** Delay before the first restart; doubled with every crash up to `maxDelayMs`. */
  readonly firstDelayMs: number;
  readonly maxDelayMs: number;
  /** More crashes than this within `windowMs` end the attempts. */
  readonly maxCrashes: number;
  readonly windowMs: number;
}

export const DEFAULT_CRASH_LIMITS: CrashLimits = {
  firstDelayMs: 500,
  maxDelayMs: 15_000,
  maxCrashes: 5,
  windowMs: 120_000,
};

/** Counts the crashes of one process and says how long to wait before it is started again. */
export class CrashHistory {
  #timesMs: readonly number[] = [];
  readonly #limits: CrashLimits;

  constructor(limits: CrashLimits) {
    this.#limits = limits;
  }

  /** Notes a crash. Returns the delay before the next start, or null when there were too many. */
  record(nowMs: number): number | null {
    this.#timesMs = [...this.#recent(nowMs), nowMs];
    const crashes = this.#timesMs.length;
    if (crashes > this.#limits.maxCrashes) return null;
    return Math.min(this.#limits.maxDelayMs, this.#limits.firstDelayMs * 2 ** (crashes - 1));
  }

  /** Crashes that still count. */
  count(nowMs: number): number {
    return this.#recent(nowMs).length;
  }

  forget(): void {
    this.#timesMs = [];
  }

  #recent(nowMs: number): readonly number[] {
    return this.#timesMs.filter((time) => nowMs - time < this.#limits.windowMs);
  }
}
