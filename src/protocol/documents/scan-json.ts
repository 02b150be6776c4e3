import type { DocumentErrorCode } from './errors';
import { isExactNumber } from './exact-number';
import { quoted } from './problems';

/** What a text may claim before it is parsed. */
export interface JsonLimits {
  readonly maxDepth: number;
  readonly maxValues: number;
}

/** Why and where a text is not taken as JSON. */
export interface JsonFault {
  readonly code: Extract<
    DocumentErrorCode,
    'truncated' | 'not-json' | 'too-deep' | 'too-many-values' | 'duplicate-key' | 'number-inexact'
  >;
  /** Position in UTF-16 units. */
  readonly index: number;
  /** A clause for "This file is not …: ". */
  readonly reason: string;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
const MINUS = 0x2d;
const FIRST_PRINTABLE = 0x20;

const NUMBER = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
/** Everything a number could have been written with, to see its wrong or missing end. */
const NUMBER_CHARACTERS = /[-+.0-9eE]*/y;
const HEXADECIMAL = /^[0-9a-fA-F]{4}$/;
const SIMPLE_ESCAPES = new Set(['"', '\\', '/', 'b', 'f', 'n', 'r', 't']);
const LITERALS = ['true', 'false', 'null'];

class FaultFound extends Error {
  readonly fault: JsonFault;

  constructor(fault: JsonFault) {
    super(fault.reason);
    this.fault = fault;
  }
}

/**
 * Reads a text as strict JSON (RFC 8259) without building values. It keeps its own stack, so depth costs memory it counts
 * and never the call stack.
 */
class JsonScanner {
  readonly #text: string;
  readonly #limits: JsonLimits;
  /** One entry for each open container: the names seen in an object, or null for an array. */
  readonly #open: (Set<string> | null)[] = [];
  #at = 0;
  #values = 0;

  constructor(text: string, limits: JsonLimits) {
    this.#text = text;
    this.#limits = limits;
  }

  scan(): void {
    this.#skipSpace();
    let complete = this.#value();
    while (this.#open.length > 0) complete = complete ? this.#afterValue() : this.#firstEntry();
    this.#skipSpace();
    if (this.#at < this.#text.length) this.#fail('not-json', this.#at, 'something follows its end');
  }

  #fail(code: JsonFault['code'], index: number, reason: string): never {
    throw new FaultFound({ code, index, reason });
  }

  #unexpected(index: number, wanted: string): never {
    if (index >= this.#text.length) this.#fail('truncated', this.#text.length, 'it ends in the middle');
    const found = quoted(String.fromCodePoint(this.#text.codePointAt(index) ?? 0));
    return this.#fail('not-json', index, `it has ${found} where ${wanted} belongs`);
  }

  #skipSpace(): void {
    for (; this.#at < this.#text.length; this.#at += 1) {
      const code = this.#text.charCodeAt(this.#at);
      if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return;
    }
  }

  #count(): void {
    this.#values += 1;
    if (this.#values > this.#limits.maxValues) {
      const limit = this.#limits.maxValues.toLocaleString('en-US');
      this.#fail('too-many-values', this.#at, `it holds more than ${limit} values`);
    }
  }

  /** Reads the start of a value; returns whether that was all of it, as for everything but containers. */
  #value(): boolean {
    this.#count();
    const code = this.#text.charCodeAt(this.#at);
    if (code === OPEN_OBJECT || code === OPEN_ARRAY) {
      if (this.#open.length >= this.#limits.maxDepth) {
        this.#fail('too-deep', this.#at, `it nests more than ${this.#limits.maxDepth} levels`);
      }
      this.#open.push(code === OPEN_OBJECT ? new Set() : null);
      this.#at += 1;
      return false;
    }
    if (code === QUOTE) this.#string();
    else if (code === MINUS || (code >= 0x30 && code <= 0x39)) this.#number();
    else this.#literal();
    return true;
  }

  /** Behind the opening bracket: the first entry or the closing bracket. */
  #firstEntry(): boolean {
    this.#skipSpace();
    const names = this.#open.at(-1) ?? null;
    if (this.#text.charCodeAt(this.#at) === (names === null ? CLOSE_ARRAY : CLOSE_OBJECT)) return this.#close();
    return this.#entry(names);
  }

  /** Behind a value: a comma and the next entry, or the closing bracket. */
  #afterValue(): boolean {
    this.#skipSpace();
    const names = this.#open.at(-1) ?? null;
    const code = this.#text.charCodeAt(this.#at);
    if (code === (names === null ? CLOSE_ARRAY : CLOSE_OBJECT)) return this.#close();
    if (code !== COMMA) this.#unexpected(this.#at, names === null ? '"," or "]"' : '"," or "}"');
    this.#at += 1;
    this.#skipSpace();
    return this.#entry(names);
  }

  #close(): true {
    this.#open.pop();
    this.#at += 1;
    return true;
  }

  #entry(names: Set<string> | null): boolean {
    if (names !== null) {
      const start = this.#at;
      if (this.#text.charCodeAt(start) !== QUOTE) this.#unexpected(start, 'the name of a field');
      this.#count();
      const name = this.#string();
      if (names.has(name)) this.#fail('duplicate-key', start, `it has the field ${quoted(name)} twice in one object`);
      names.add(name);
      this.#skipSpace();
      if (this.#text.charCodeAt(this.#at) !== COLON) this.#unexpected(this.#at, '":"');
      this.#at += 1;
      this.#skipSpace();
    }
    return this.#value();
  }

  /** Reads a string at its opening quote and returns what it means. */
  #string(): string {
    const text = this.#text;
    const start = this.#at;
    let escaped = false;
    let at = start + 1;
    for (; ; at += 1) {
      const code = text.charCodeAt(at);
      if (code === QUOTE) break;
      if (code === BACKSLASH) {
        escaped = true;
        at = this.#escape(at);
      } else if (!(code >= FIRST_PRINTABLE)) {
        // A control character, or NaN behind the end.
        if (at >= text.length) this.#unexpected(at, 'the end of a text');
        this.#fail('not-json', at, 'it has a line break or another control character inside a text');
      }
    }
    this.#at = at + 1;
    if (!escaped) return text.slice(start + 1, at);
    const meaning: unknown = JSON.parse(text.slice(start, at + 1));
    return String(meaning);
  }

  /** Checks an escape at its backslash and returns the position of its last character. */
  #escape(at: number): number {
    const text = this.#text;
    if (text[at + 1] !== 'u') {
      if (!SIMPLE_ESCAPES.has(text[at + 1] ?? '')) this.#unexpected(at + 1, 'an escape such as "n"');
      return at + 1;
    }
    const digits = text.slice(at + 2, at + 6);
    if (!HEXADECIMAL.test(digits)) {
      if (at + 6 > text.length) this.#unexpected(text.length, 'four hexadecimal digits');
      this.#fail('not-json', at, `it has the broken escape ${quoted(`\\u${digits}`)}`);
    }
    return at + 5;
  }

  #number(): void {
    const start = this.#at;
    NUMBER_CHARACTERS.lastIndex = start;
    NUMBER_CHARACTERS.exec(this.#text);
    const end = NUMBER_CHARACTERS.lastIndex;
    NUMBER.lastIndex = start;
    const token = NUMBER.exec(this.#text)?.[0] ?? '';
    if (token.length < end - start) {
      if (end >= this.#text.length) this.#unexpected(end, 'the rest of a number');
      this.#fail('not-json', start, `it has ${quoted(this.#text.slice(start, end))} where a number belongs`);
    }
    if (!isExactNumber(token)) {
      this.#fail('number-inexact', start, `it has the number ${quoted(token)}, which cannot be kept exactly`);
    }
    this.#at = end;
  }

  #literal(): void {
    const word = LITERALS.find((literal) => this.#text.startsWith(literal, this.#at));
    if (word === undefined) {
      const rest = this.#text.slice(this.#at, this.#at + 5);
      const begun = LITERALS.some((literal) => literal.startsWith(rest));
      this.#unexpected(begun ? this.#text.length : this.#at, 'a value');
    } else this.#at += word.length;
  }
}

/**
 * Checks a text for what `JSON.parse` would accept silently or fail on badly: names given twice, numbers a double cannot
 * keep, depth, size, and a file cut off in the middle.
 *
 * @returns the first fault, or null when `JSON.parse` will succeed.
 */
export function findJsonFault(text: string, limits: JsonLimits): JsonFault | null {
  try {
    new JsonScanner(text, limits).scan();
    return null;
  } catch (thrown) {
    if (thrown instanceof FaultFound) return thrown.fault;
    throw thrown;
  }
}
