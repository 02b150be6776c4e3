/** Takes questions whose answer counts only while no other one was asked and it is still wanted. */
export class NewestAnswer {
  #giveUp: () => void = () => undefined;

  /** The answer to this question, which is the newest now; null at once when another one is asked or it is dropped. */
  to<Answer>(answer: Promise<Answer>): Promise<Answer | null> {
    this.#giveUp();
    const givenUp = new Promise<null>((resolve) => (this.#giveUp = () => resolve(null)));
    return Promise.race([answer, givenUp]);
  }

  /** The answer under way is not wanted any more. */
  drop(): void {
    this.#giveUp();
  }
}
