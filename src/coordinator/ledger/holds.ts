import type { MicroGft } from '../../protocol/compute/micro-gft';

/** GFT set aside for running requests. Kept in memory: after a crash nothing ran, so nothing is held. */
export class Holds {
  private readonly heldByNode = new Map<string, MicroGft>();

  heldFor(nodeId: string): MicroGft {
    return this.heldByNode.get(nodeId) ?? 0;
  }

  /** Sets an amount aside; the returned function gives it back, once. */
  place(nodeId: string, amountMicroGft: MicroGft): () => void {
    this.heldByNode.set(nodeId, this.heldFor(nodeId) + amountMicroGft);
    let released = false;
    return () => {
      if (released) return;
      released = true;
      const rest = this.heldFor(nodeId) - amountMicroGft;
      if (rest > 0) this.heldByNode.set(nodeId, rest);
      else this.heldByNode.delete(nodeId);
    };
  }
}

/** Runs one task after another, in the order they came. */
export class Turnstile {
  private tail: Promise<unknown> = Promise.resolve();

  run<Value>(task: () => Promise<Value>): Promise<Value> {
    const next = this.tail.then(task, task);
    this.tail = next.catch(() => undefined);
    return next;
  }
}
