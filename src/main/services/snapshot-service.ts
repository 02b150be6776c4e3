import type { AppSnapshot } from '../../contract/snapshot';
import type { SendEvent } from '../ipc/send-event';
import type { Timers } from './timers';

/** At most five updates a second: enough to look live, little enough for an idle window to stay idle. */
const MIN_INTERVAL_MS = 200;

/**
 * Owns what a window shows. Changes are collected and sent as ordered updates that carry only the parts that changed;
 * the revision grows by one with every update, so that a window notices a missing one.
 */
export class SnapshotService {
  #snapshot: AppSnapshot;
  #revision = 0;
  #sentAtMs: number | null = null;
  #timer: (() => void) | null = null;
  readonly #pending = new Set<keyof AppSnapshot>();
  readonly #send: SendEvent;
  readonly #timers: Timers;
  readonly #listeners = new Set<(snapshot: AppSnapshot) => void>();

  constructor(initial: AppSnapshot, send: SendEvent, timers: Timers) {
    this.#snapshot = initial;
    this.#send = send;
    this.#timers = timers;
  }

  get snapshot(): AppSnapshot {
    return this.#snapshot;
  }

  /** Replaces parts of the snapshot. Parts that are the same object as before are not sent again. */
  update(changes: Partial<AppSnapshot>): void {
    const changed = (Object.keys(changes) as (keyof AppSnapshot)[]).filter(
      (key) => changes[key] !== undefined && !Object.is(changes[key], this.#snapshot[key]),
    );
    if (changed.length === 0) return;
    this.#snapshot = { ...this.#snapshot, ...changes };
    for (const key of changed) this.#pending.add(key);
    for (const listener of this.#listeners) listener(this.#snapshot);
    this.#schedule();
  }

  /** The whole snapshot with its revision; updates that follow continue from there. */
  read(): { readonly revision: number; readonly snapshot: AppSnapshot } {
    this.flush();
    return { revision: this.#revision, snapshot: this.#snapshot };
  }

  /** Hears of every change at once, for the tray and other parts of main. Returns the function that ends it. */
  onChange(listener: (snapshot: AppSnapshot) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Sends what is waiting. */
  flush(): void {
    this.#timer?.();
    this.#timer = null;
    if (this.#pending.size === 0) return;
    const changes = Object.fromEntries([...this.#pending].map((key) => [key, this.#snapshot[key]]));
    this.#pending.clear();
    this.#revision += 1;
    this.#sentAtMs = this.#timers.now();
    this.#send('snapshot-updated', { revision: this.#revision, changes });
  }

  #schedule(): void {
    if (this.#timer !== null) return;
    const sinceLastMs = this.#sentAtMs === null ? MIN_INTERVAL_MS : this.#timers.now() - this.#sentAtMs;
    this.#timer = this.#timers.after(Math.max(0, MIN_INTERVAL_MS - sinceLastMs), () => {
      this.#timer = null;
      this.flush();
    });
  }
}
