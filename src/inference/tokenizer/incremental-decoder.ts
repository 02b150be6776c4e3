/** Decodes a list of ids without special tokens; bytes that form no character become U+FFFD. */
export type DecodeIds = (ids: readonly number[]) => string;

const REPLACEMENT = '\uFFFD';
/** A UTF-8 character has at most four bytes, so at most four tokens of one byte wait for their end. */
const MAX_WAITING_CHARACTERS = 4;
/** Garbage bytes may go on for ever; the window that is decoded again for each token must not. */
const MAX_WINDOW_TOKENS = 64;
const KEPT_WINDOW_TOKENS = 8;

/**
 * Turns tokens into text one by one without ever giving a piece of a character.
 *
 * A token's text depends on its neighbours (leading spaces, characters spread over tokens), so a short window is decoded
 * again for each token and only what is new is given out. Replacement characters at its end may still become a real
 * character and are held back. The window follows the idea of prefix and read offsets in vLLM's incremental detokenizer.
 */
export class IncrementalDecoder {
  readonly #decode: DecodeIds;
  #window: number[] = [];
  /** Tokens at the start of the window that were given out and only lend their context to what follows. */
  #context = 0;
  /** Characters of the window's text that were given out. */
  #given = 0;

  constructor(decode: DecodeIds) {
    this.#decode = decode;
  }

  /** Text that became certain with this token; often empty. */
  push(id: number): string {
    this.#window.push(id);
    const text = this.#decode(this.#window);
    const certain = text.length - countWaiting(text);
    const fresh = text.slice(this.#given, certain);
    this.#given = Math.max(this.#given, certain);
    // A window may only begin where a character began, so the tokens since the last such place stay as context.
    if (this.#given === text.length && fresh !== '') this.#restart(this.#window.length - this.#context);
    else if (this.#window.length > MAX_WINDOW_TOKENS) this.#restart(KEPT_WINDOW_TOKENS);
    return fresh;
  }

  /** The end: what still waits was never a character and is dropped. */
  finish(): string {
    const text = this.#decode(this.#window);
    const rest = text.slice(this.#given).replace(new RegExp(`${REPLACEMENT}+$`), '');
    this.#window = [];
    this.#context = 0;
    this.#given = 0;
    return rest;
  }

  #restart(keptTokens: number): void {
    const kept = this.#window.slice(-keptTokens);
    const text = this.#decode(kept);
    // Behind tokens without text a space would be taken for that at the beginning of a text.
    if (text === '' && this.#window.length <= MAX_WINDOW_TOKENS) return;
    this.#window = kept;
    this.#context = keptTokens;
    this.#given = text.length - countWaiting(text);
  }
}

function countWaiting(text: string): number {
  let waiting = 0;
  while (waiting < MAX_WAITING_CHARACTERS && text.at(-1 - waiting) === REPLACEMENT) waiting++;
  return waiting;
}
