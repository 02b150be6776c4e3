import type { Timers } from '../services/timers';

/** Time that tests move by hand. */
export class ManualTimers implements Timers {
  #nowMs: number;
  #nextId = 0;
  readonly #planned = new Map<number, { atMs: number; everyMs: number | null; run: () => void }>();

  constructor(startMs = Date.parse('2026-01-01T12:00:00Z')) {
    this.#nowMs = startMs;
  }

  now(): number {
    return this.#nowMs;
  }

  after(delayMs: number, run: () => void): () => void {
    return this.#plan(delayMs, null, run);
  }

  every(intervalMs: number, run: () => void): () => void {
    return this.#plan(intervalMs, intervalMs, run);
  }

  /** Moves time on and runs what falls due, in order. */
  advance(durationMs: number): void {
    const endMs = this.#nowMs + durationMs;
    for (;;) {
      const due = [...this.#planned.entries()]
        .filter(([, { atMs }]) => atMs <= endMs)
        .sort(([, left], [, right]) => left.atMs - right.atMs)[0];
      if (due === undefined) break;
      const [id, plan] = due;
      this.#nowMs = Math.max(this.#nowMs, plan.atMs);
      if (plan.everyMs === null) this.#planned.delete(id);
      else this.#planned.set(id, { ...plan, atMs: plan.atMs + plan.everyMs });
      plan.run();
    }
    this.#nowMs = endMs;
  }

  get waiting(): number {
    return this.#planned.size;
  }

  #plan(delayMs: number, everyMs: number | null, run: () => void): () => void {
    const id = this.#nextId++;
    this.#planned.set(id, { atMs: this.#nowMs + delayMs, everyMs, run });
    return () => this.#planned.delete(id);
  }
}

/** Lets promises that are ready run. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await Promise.resolve();
}
