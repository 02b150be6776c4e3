import type { AppMemory, RequestedPause } from './app-memory';
import { isoTime, type Timers } from './timers';

/** A pause that the user asked for; it outlives the app, so that a restart does not begin to work behind their back. */
export class PauseMemory {
  readonly #memory: AppMemory;
  readonly #timers: Timers;

  constructor(memory: AppMemory, timers: Timers) {
    this.#memory = memory;
    this.#timers = timers;
  }

  /** The pause in force; a snooze that has passed is none. */
  get current(): RequestedPause | null {
    const { pause } = this.#memory.current;
    if (pause === null || pause.kind === 'user') return pause;
    const untilMs = Date.parse(pause.until);
    return Number.isNaN(untilMs) || untilMs <= this.#timers.now() ? null : pause;
  }

  /** @param minutes - null pauses until resumed */
  pause(minutes: number | null): RequestedPause {
    const pause: RequestedPause =
      minutes === null ? { kind: 'user' } : { kind: 'snoozed', until: isoTime(this.#timers.now() + minutes * 60_000) };
    this.#memory.remember({ pause });
    return pause;
  }

  resume(): void {
    this.#memory.remember({ pause: null });
  }
}
