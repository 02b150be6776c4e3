import { NewestAnswer } from './newest-answer';

/** A question that is asked again and again, for what changes by itself. */
export class RepeatedQuestion<Answer> {
  readonly #put: () => Promise<Answer>;
  readonly #take: (answer: Answer) => void;
  readonly #newest = new NewestAnswer();
  #waiting = false;

  /** @param take - is given every answer, unless another one was asked for before it came */
  constructor(put: () => Promise<Answer>, take: (answer: Answer) => void) {
    this.#put = put;
    this.#take = take;
  }

  /** Asks now; an answer that is under way is too old. Resolves when an answer was taken, or nobody waits for it. */
  async ask(): Promise<void> {
    this.#waiting = true;
    const answer = await this.#newest.to(this.#put());
    if (answer === null) return;
    this.#waiting = false;
    this.#take(answer);
  }

  /** Asks unless an answer is under way: one that takes longer than the time between two questions is waited for. */
  askIfIdle(): void {
    if (!this.#waiting) void this.ask();
  }

  /** Nobody waits for answers any more. */
  end(): void {
    this.#newest.drop();
  }
}
