import { systemClock, type Clock } from '../clock';

/** A clock that stands still until a test moves it. */
export class ManualClock implements Clock {
  private time = Date.parse('2026-01-01T00:00:00Z');
  private setByMs = 0;
  private actions: { atMs: number; action: () => void }[] = [];
  chance = 0.5;

  now(): number {
    return this.time + this.setByMs;
  }

  monotonicMs(): number {
    return this.time;
  }

  /** Sets the time of day forward, or back where negative; no time passes. */
  set(byMs: number): void {
    this.setByMs += byMs;
  }

  random(): number {
    return this.chance;
  }

  schedule(delayMs: number, action: () => void): () => void {
    const entry = { atMs: this.time + delayMs, action };
    this.actions.push(entry);
    return () => {
      this.actions = this.actions.filter((other) => other !== entry);
    };
  }

  /** Delays of everything that waits, in milliseconds from now. */
  get waiting(): number[] {
    return this.actions.map(({ atMs }) => atMs - this.time).sort((left, right) => left - right);
  }

  /** Lets time pass and runs what becomes due, in order. */
  advance(milliseconds: number): void {
    const end = this.time + milliseconds;
    for (;;) {
      const [next] = this.actions.filter(({ atMs }) => atMs <= end).sort((left, right) => left.atMs - right.atMs);
      if (next === undefined) break;
      this.actions = this.actions.filter((other) => other !== next);
      this.time = Math.max(this.time, next.atMs);
      next.action();
    }
    this.time = end;
  }
}

/** A clock that runs, and can be set and moved forward besides; its pauses are as short as chance makes them. */
export function movableClock(): Clock & { setByMs: number; skippedMs: number } {
  return {
    ...systemClock,
    setByMs: 0,
    skippedMs: 0,
    now() {
      return Date.now() + this.setByMs;
    },
    monotonicMs() {
      return performance.now() + this.skippedMs;
    },
    random: () => 0,
  };
}

/** Waits until something holds; the test's own time limit ends a wait that is in vain. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5));
}
