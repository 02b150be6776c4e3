import { v7 as uuidV7 } from 'uuid';
import type { AppEvent } from '../../contract/snapshot';
import { isoTime, type Timers } from './timers';

/** As many lines as the dashboard can show without becoming an archive; the ledger and the log keep the rest. */
const MAX_EVENTS = 100;

/** Recent events in plain sentences, newest first. */
export class EventList {
  #events: readonly AppEvent[] = [];
  readonly #timers: Timers;
  readonly #onChange: (events: readonly AppEvent[]) => void;

  constructor(timers: Timers, onChange: (events: readonly AppEvent[]) => void) {
    this.#timers = timers;
    this.#onChange = onChange;
  }

  get events(): readonly AppEvent[] {
    return this.#events;
  }

  add(kind: AppEvent['kind'], text: string): void {
    const event: AppEvent = { id: uuidV7(), at: isoTime(this.#timers.now()), kind, text };
    this.#events = [event, ...this.#events].slice(0, MAX_EVENTS);
    this.#onChange(this.#events);
  }
}
