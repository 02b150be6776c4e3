import type { LibraryAccess } from '../../library/service/library-access';

/** A library that knows which of its calls are still to be answered. */
export class CountedLibrary implements LibraryAccess {
  readonly #inner: LibraryAccess;
  readonly #pending = new Set<Promise<unknown>>();

  constructor(inner: LibraryAccess) {
    this.#inner = inner;
  }

  call: LibraryAccess['call'] = (method, input, options) => {
    const answer = this.#inner.call(method, input, options);
    this.#pending.add(answer);
    void answer.finally(() => this.#pending.delete(answer));
    return answer;
  };

  /** Resolves when nobody asks it any more. */
  async untilIdle(): Promise<void> {
    do {
      await Promise.all(this.#pending);
      await new Promise((resolve) => setTimeout(resolve, 1));
    } while (this.#pending.size > 0);
  }
}
