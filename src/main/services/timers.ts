/** Time as the services see it; tests bring their own. */
export interface Timers {
  /** Milliseconds since the epoch. */
  now(): number;
  /** Runs once after a delay. Returns the function that cancels it. */
  after(delayMs: number, run: () => void): () => void;
  /** Runs again and again. Returns the function that ends it. */
  every(intervalMs: number, run: () => void): () => void;
}

/** Node refuses longer delays and would fire at once instead. */
const MAX_DELAY_MS = 2_147_483_647;

export const systemTimers: Timers = {
  now: () => Date.now(),
  after(delayMs, run) {
    const timer = setTimeout(run, Math.min(delayMs, MAX_DELAY_MS));
    return () => clearTimeout(timer);
  },
  every(intervalMs, run) {
    const timer = setInterval(run, intervalMs);
    return () => clearInterval(timer);
  },
};

/** Time as RFC 3339 in UTC. */
export function isoTime(milliseconds: number): string {
  return new Date(milliseconds).toISOString();
}
