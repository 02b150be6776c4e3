/** What the queue may hold. */
export interface QueueLimits {
  /** Requests answered at the same time, of all and of one requester. */
  readonly running: number;
  readonly runningPerNode: number;
  /** Requests that wait, of all and of one requester. */
  readonly waiting: number;
  readonly waitingPerNode: number;
  /** Longest wait. */
  readonly waitMs: number;
}

/** Where a waiting request is: 1 is next. */
export interface QueuePlace {
  readonly position: number;
  readonly waiting: number;
}

/** How a request got in, or why it did not. */
export type Entry =
  | { readonly kind: 'admitted'; leave(): void }
  | { readonly kind: 'full' | 'own-full' | 'timeout' | 'aborted' | 'closed' };

interface Waiter {
  readonly nodeId: string;
  readonly isUnlimited: boolean;
  readonly settle: (kind: 'admitted' | 'timeout' | 'aborted' | 'closed') => void;
  readonly onPlace: (place: QueuePlace) => void;
  shown: QueuePlace | null;
}

/** Mean time of a request before one was seen. */
const USUAL_SECONDS = 5;
const NEW_SHARE = 0.2;
const MAX_RETRY_SECONDS = 600;

/**
 * Lets as many requests in as may run, and has the others wait in a bounded line. The line is fair by requester: with one
 * request each, first come, first served; who has others running or waiting before it stands behind those who have fewer.
 */
export class AdmissionQueue {
  private readonly runningByNode = new Map<string, number>();
  private running = 0;
  private line: Waiter[] = [];
  private isClosed = false;
  private meanSeconds = USUAL_SECONDS;

  constructor(
    private readonly limits: QueueLimits,
    private readonly nowMs: () => number,
  ) {}

  get runningRequests(): number {
    return this.running;
  }

  get waitingRequests(): number {
    return this.line.length;
  }

  /** Seconds after which there may be room, for whoever was turned away. */
  get retryAfterSeconds(): number {
    const rounds = (this.line.length + 1) / this.limits.running;
    return Math.min(MAX_RETRY_SECONDS, Math.max(1, Math.ceil(rounds * this.meanSeconds)));
  }

  /**
   * Enters, at once or after a wait.
   *
   * @param onPlace - told of each place in the line; not called when there is no wait
   * @param isUnlimited - the limits of one requester do not count: its own agreement limits it
   */
  enter(
    nodeId: string,
    signal: AbortSignal,
    onPlace: (place: QueuePlace) => void,
    isUnlimited = false,
  ): Promise<Entry> {
    if (this.isClosed) return Promise.resolve({ kind: 'closed' });
    if (signal.aborted) return Promise.resolve({ kind: 'aborted' });
    // Nobody is overtaken: whoever waits has no room, else it would be inside.
    if (this.hasRoomFor(nodeId, isUnlimited)) return Promise.resolve(this.admit(nodeId));
    const own = this.line.filter((waiter) => waiter.nodeId === nodeId).length;
    if (!isUnlimited && own >= this.limits.waitingPerNode) return Promise.resolve({ kind: 'own-full' });
    if (this.line.length >= this.limits.waiting) return Promise.resolve({ kind: 'full' });
    return new Promise((resolve) => {
      const settle: Waiter['settle'] = (kind) => {
        clearTimeout(timer);
        signal.removeEventListener('abort', abort);
        resolve(kind === 'admitted' ? this.admit(nodeId) : { kind });
      };
      const waiter: Waiter = { nodeId, isUnlimited, settle, onPlace, shown: null };
      const abort = (): void => this.giveUp(waiter, 'aborted');
      const timer = setTimeout(() => this.giveUp(waiter, 'timeout'), this.limits.waitMs);
      signal.addEventListener('abort', abort, { once: true });
      this.line.push(waiter);
      this.advance();
    });
  }

  /** Turns everybody away who waits, and whoever comes. */
  close(): void {
    this.isClosed = true;
    for (const waiter of this.line.splice(0)) waiter.settle('closed');
  }

  private admit(nodeId: string): Entry {
    this.running += 1;
    this.runningByNode.set(nodeId, (this.runningByNode.get(nodeId) ?? 0) + 1);
    const enteredAtMs = this.nowMs();
    let hasLeft = false;
    return {
      kind: 'admitted',
      leave: () => {
        if (hasLeft) return;
        hasLeft = true;
        this.running -= 1;
        const left = (this.runningByNode.get(nodeId) ?? 1) - 1;
        if (left > 0) this.runningByNode.set(nodeId, left);
        else this.runningByNode.delete(nodeId);
        const seconds = Math.max(0, this.nowMs() - enteredAtMs) / 1_000;
        this.meanSeconds += NEW_SHARE * (seconds - this.meanSeconds);
        this.advance();
      },
    };
  }

  private hasRoomFor(nodeId: string, isUnlimited: boolean): boolean {
    const own = this.runningByNode.get(nodeId) ?? 0;
    return this.running < this.limits.running && (isUnlimited || own < this.limits.runningPerNode);
  }

  private giveUp(waiter: Waiter, kind: 'timeout' | 'aborted'): void {
    this.line = this.line.filter((other) => other !== waiter);
    waiter.settle(kind);
    this.advance();
  }

  /** Lets in whoever is next and tells the others where they are now. */
  private advance(): void {
    for (;;) {
      const next = this.ordered().find(({ nodeId, isUnlimited }) => this.hasRoomFor(nodeId, isUnlimited));
      if (next === undefined) break;
      this.line = this.line.filter((other) => other !== next);
      next.settle('admitted');
    }
    for (const [index, waiter] of this.ordered().entries()) {
      const place = { position: index + 1, waiting: this.line.length };
      if (waiter.shown?.position === place.position) continue;
      waiter.shown = place;
      waiter.onPlace(place);
    }
  }

  /** By how many requests of its requester are before each, then by arrival. */
  private ordered(): Waiter[] {
    const before = new Map(this.runningByNode);
    return this.line
      .map((waiter) => {
        const ahead = before.get(waiter.nodeId) ?? 0;
        before.set(waiter.nodeId, ahead + 1);
        return { waiter, ahead };
      })
      .sort((left, right) => left.ahead - right.ahead)
      .map(({ waiter }) => waiter);
  }
}
