/** Text that may be shown, and whether a stop string ended it. */
export interface StopResult {
  readonly text: string;
  readonly stopped: boolean;
}

/**
 * Finds stop strings in a stream of text, also where one is spread over several pieces. Text that may be the beginning
 * of a stop string is held back until the next piece decides.
 */
export class StopMatcher {
  readonly #stops: readonly string[];
  #held = '';

  constructor(stops: readonly string[]) {
    this.#stops = stops.filter((stop) => stop !== '');
  }

  push(piece: string): StopResult {
    const text = this.#held + piece;
    const end = this.#findStop(text);
    if (end !== undefined) {
      this.#held = '';
      return { text: text.slice(0, end), stopped: true };
    }
    const shown = text.length - this.#countHeld(text);
    this.#held = text.slice(shown);
    return { text: text.slice(0, shown), stopped: false };
  }

  /** The stream ended without a stop string: what was held back is text after all. */
  finish(): string {
    const rest = this.#held;
    this.#held = '';
    return rest;
  }

  /** Start of the earliest stop string. */
  #findStop(text: string): number | undefined {
    let earliest: number | undefined;
    for (const stop of this.#stops) {
      const found = text.indexOf(stop);
      if (found >= 0 && (earliest === undefined || found < earliest)) earliest = found;
    }
    return earliest;
  }

  /** Length of the longest end of the text that begins a stop string. */
  #countHeld(text: string): number {
    let held = 0;
    for (const stop of this.#stops) {
      for (let length = Math.min(stop.length - 1, text.length); length > held; length--) {
        if (text.endsWith(stop.slice(0, length))) held = length;
      }
    }
    return held;
  }
}
