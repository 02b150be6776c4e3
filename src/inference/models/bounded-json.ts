/** Limits on JSON texts of model files, checked before a parser builds anything from them. */
export const JSON_LIMITS = {
  /** Tokenizers, the deepest of these files, nest about ten levels. */
  maxDepth: 64,
  /** Numbers, texts, lists and objects. The largest published tokenizers have about 2.5 million. */
  maxValues: 8_000_000,
} as const;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const OPENING: ReadonlySet<number> = new Set([0x5b, 0x7b]);
const CLOSING: ReadonlySet<number> = new Set([0x5d, 0x7d]);

/**
 * Parses a JSON text (UTF-8) whose nesting and number of values are bounded first: a parsed value can take fifty times
 * the memory of its text, and a reader that follows deep nesting can run out of stack.
 *
 * @throws `SyntaxError` with the reason, or `TypeError` where the bytes are not UTF-8
 */
export function parseBoundedJson(bytes: Uint8Array): unknown {
  checkExtent(bytes);
  return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
}

function checkExtent(bytes: Uint8Array): void {
  let depth = 0;
  let values = 1;
  let isText = false;
  for (let index = 0; index < bytes.length; index++) {
    const byte = bytes[index] ?? 0;
    if (isText) {
      if (byte === BACKSLASH) index++;
      else if (byte === QUOTE) isText = false;
      continue;
    }
    if (byte === QUOTE) isText = true;
    else if (byte === COMMA) values++;
    else if (OPENING.has(byte)) {
      depth++;
      values++;
      if (depth > JSON_LIMITS.maxDepth) throw new SyntaxError(`it nests more than ${JSON_LIMITS.maxDepth} levels`);
    } else if (CLOSING.has(byte)) depth--;
    if (values > JSON_LIMITS.maxValues) throw new SyntaxError(`it holds more than ${JSON_LIMITS.maxValues} values`);
  }
}
