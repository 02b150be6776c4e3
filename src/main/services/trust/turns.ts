/** Runs pieces of work one after the other, so that what one reads is still true when it writes. */
export class Turns {
  #last: Promise<unknown> = Promise.resolve();

  run<Value>(work: () => Promise<Value>): Promise<Value> {
    const next = this.#last.then(work);
    this.#last = next.catch(() => undefined);
    return next;
  }

  /** Waits until nothing is under way. */
  async settled(): Promise<void> {
    await this.#last;
  }
}
