/**
 * Keeps the collection of unused files apart from whatever writes files: writers work side by side, a collection works
 * alone, and whoever comes later waits. A writer must not begin another one and wait for it.
 */
export class FileGate {
  readonly #writing = new Set<Promise<unknown>>();
  #collected: Promise<unknown> = Promise.resolve();

  async write<Value>(work: () => Promise<Value>): Promise<Value> {
    const running = this.#collected.then(work);
    this.#writing.add(running);
    try {
      return await running;
    } finally {
      this.#writing.delete(running);
    }
  }

  collect<Value>(work: () => Promise<Value>): Promise<Value> {
    const collecting = Promise.allSettled([this.#collected, ...this.#writing]).then(work);
    // Whoever asked hears of a failure; those who wait only need it to be over.
    this.#collected = collecting.catch(() => undefined);
    return collecting;
  }
}
