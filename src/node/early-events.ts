import { WIRE_LIMITS } from '../protocol/wire/limits';
import type { CoordinatorEvent } from './coordinator-client/coordinator-client';

/** Keeps what a coordinator tells before the node is registered with it, within bounds, and passes on what comes then. */
export class EarlyEvents {
  private events: CoordinatorEvent[] = [];
  private receiver: ((event: CoordinatorEvent) => void) | null = null;

  /** Takes an event. Early activations belong to no request yet, and of too many events the last are left out. */
  take(event: CoordinatorEvent): void {
    if (this.receiver !== null) return this.receiver(event);
    if (event.kind === 'activation' || this.events.length >= WIRE_LIMITS.maxReplayedEvents) return;
    this.events.push(event);
  }

  /** Passes on what was kept, in the order it came, and from now on everything. */
  passTo(receiver: (event: CoordinatorEvent) => void): void {
    this.receiver = receiver;
    for (const event of this.events.splice(0)) receiver(event);
  }
}
