/** Time and chance as this room uses them, so that tests decide both. */
export interface Clock {
  /** Milliseconds since the epoch: the time of day, which may be set forward or back at any moment. */
  now(): number;
  /** Milliseconds since some fixed moment, for durations and deadlines: it only ever grows. */
  monotonicMs(): number;
  /** Runs an action later; returns a function that cancels it. */
  schedule(delayMs: number, action: () => void): () => void;
  /** A number in [0, 1). */
  random(): number;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonicMs: () => performance.now(),
  schedule: (delayMs, action) => {
    const timer = setTimeout(action, delayMs);
    return () => clearTimeout(timer);
  },
  random: () => Math.random(),
};

/** Runs an action again and again, the next run counted from the end of the last. Returns a function that ends it. */
export function repeat(clock: Clock, intervalMs: number, action: () => Promise<void>): () => void {
  let ended = false;
  let cancel = (): void => undefined;
  const next = (): void => {
    if (ended) return;
    cancel = clock.schedule(intervalMs, () => {
      void action().finally(next);
    });
  };
  next();
  return () => {
    ended = true;
    cancel();
  };
}

/** Time as it travels: RFC 3339 in UTC. */
export function timeText(epochMs: number): string {
  return new Date(epochMs).toISOString();
}
