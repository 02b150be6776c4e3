import type { Failure } from '../../protocol/result';
import { nodeFailure } from '../errors';

/** Each may hold the memory of a whole prefill; a coordinator of the baseline sends one at a time. */
export const MAX_CONCURRENT_FORWARDS = 4;

/** A forward call that was let in. */
export interface AdmittedForward {
  /** Aborts when the node hands its work over; the reason is the `Failure` to answer with. */
  readonly signal: AbortSignal;
  /** To be called once, when the call has been answered. */
  leave(): void;
}

/** Lets forward calls in as long as the run policy does, and counts those under way. */
export class ForwardGate {
  private isAccepting = true;
  private readonly running = new Set<AbortController>();

  /** @param onActiveChanged - the number of calls under way changed */
  constructor(private readonly onActiveChanged: () => void) {}

  get active(): number {
    return this.running.size;
  }

  /** Why no call is let in now; null while they are. */
  get refusal(): Failure | null {
    if (!this.isAccepting) return nodeFailure('not-serving', 'This node is paused.', { retryable: true }).error;
    if (this.running.size < MAX_CONCURRENT_FORWARDS) return null;
    const message = `This node works on ${MAX_CONCURRENT_FORWARDS} requests already.`;
    return nodeFailure('too-many-requests', message, { retryable: true }).error;
  }

  /** Refuses new calls while those under way are finished, or takes them again. */
  accept(accepting: boolean): void {
    this.isAccepting = accepting;
  }

  /** Ends the calls under way with a reason. */
  abandon(reason: Failure): void {
    for (const controller of this.running) controller.abort(reason);
  }

  /** Lets a call in that `refusal` does not turn away. */
  enter(): AdmittedForward {
    const controller = new AbortController();
    this.running.add(controller);
    this.onActiveChanged();
    return {
      signal: controller.signal,
      leave: () => {
        this.running.delete(controller);
        this.onActiveChanged();
      },
    };
  }
}
