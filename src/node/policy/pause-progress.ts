import type { PauseReason } from '../../protocol/compute/pause-reason';
import type { Clock } from '../clock';

/** Requests that are still running after this long are handed over after all. */
export const FINISH_LIMIT_MS = 120_000;

/** Reasons that cannot wait for a request to end. */
const URGENT: ReadonlySet<PauseReason['kind']> = new Set(['no-consent', 'suspended', 'hot', 'power']);
const BY_PERSON: ReadonlySet<PauseReason['kind']> = new Set(['user', 'snoozed', 'device-off', 'device-snoozed']);

/** Whether a pause that has begun still lets running requests end, and for how long. */
export class PauseProgress {
  /** The person asked for it when pausing. */
  finishFirst = false;
  private beganMs: number | null = null;

  constructor(private readonly clock: Clock) {}

  /** @param byRules - the person's preference for pauses that rules bring about */
  mayFinish(reason: PauseReason, byRules: boolean): boolean {
    this.beganMs ??= this.clock.monotonicMs();
    if (URGENT.has(reason.kind)) return false;
    return (BY_PERSON.has(reason.kind) ? this.finishFirst : byRules) && this.remainingMs !== null;
  }

  /** Until running requests are handed over; null while nothing pauses, and once that time is over. */
  get remainingMs(): number | null {
    if (this.beganMs === null) return null;
    const remainingMs = this.beganMs + FINISH_LIMIT_MS - this.clock.monotonicMs();
    return remainingMs > 0 ? remainingMs : null;
  }

  /** Work goes on. */
  ended(): void {
    this.beganMs = null;
    this.finishFirst = false;
  }
}
