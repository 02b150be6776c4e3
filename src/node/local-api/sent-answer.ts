import type { TokenLogProbabilities } from '../../protocol/compute/log-probabilities';

/**
 * An answer as a client that streams was sent it. It can be added to and never taken back, so an answer that begins anew is
 * passed over as far as it repeats what was sent.
 */
export class SentAnswer {
  #text = '';
  /** What came since the answer began anew, until it goes beyond what was sent; null: it does. */
  #again: string | null = null;
  #hasRestarted = false;
  #differs = false;
  /** Log-probabilities of tokens whose text is held back, by the index of the token. */
  #described = new Map<number, TokenLogProbabilities>();
  /** Tokens whose log-probabilities were sent. */
  #tokens = 0;

  /** The answer began anew and is another one than what was sent: nothing can be added to it. */
  get differs(): boolean {
    return this.#differs;
  }

  /** The answer begins, or begins anew. */
  begin(): void {
    this.#described.clear();
    if (this.#text === '') return;
    this.#again = '';
    this.#hasRestarted = true;
  }

  describe(index: number, logProbabilities: TokenLogProbabilities): void {
    if (index >= this.#tokens) this.#described.set(index, logProbabilities);
  }

  /** The log-probabilities that are to be sent now. */
  takeDescribed(): TokenLogProbabilities[] {
    const taken = [...this.#described.values()];
    this.#tokens = Math.max(this.#tokens, ([...this.#described.keys()].at(-1) ?? -1) + 1);
    this.#described.clear();
    return taken;
  }

  /** Takes the next piece of the text; returns what of it is to be sent. */
  add(piece: string): string {
    if (this.#again === null) {
      this.#text += piece;
      return piece;
    }
    this.#again += piece;
    if (this.#again.length < this.#text.length && this.#text.startsWith(this.#again)) return '';
    const added = this.rest(this.#again);
    if (this.#differs) return '';
    this.#again = null;
    this.#text += added;
    return added;
  }

  /** What is to be sent for the whole text to have been. */
  rest(whole: string): string {
    if (whole.startsWith(this.#text)) return whole.slice(this.#text.length);
    this.#differs = this.#hasRestarted;
    return '';
  }
}
