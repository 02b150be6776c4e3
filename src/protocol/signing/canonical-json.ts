import canonicalize from 'canonicalize';
import { documentFailure, type DocumentResult } from '../documents/errors';
import { isShallow } from '../documents/shallow-json';

/** With the `u` flag whole pairs are one character, so only halves match. */
const LONE_SURROGATE = /\p{Surrogate}/u;

/** Whether a name or a text anywhere in a JSON value holds half of a surrogate pair. */
export function holdsLoneSurrogate(value: unknown): boolean {
  const waiting: unknown[] = [value];
  while (waiting.length > 0) {
    const next = waiting.pop();
    if (typeof next === 'string') {
      if (LONE_SURROGATE.test(next)) return true;
    } else if (typeof next === 'object' && next !== null) {
      for (const [name, entry] of Object.entries(next)) {
        if (LONE_SURROGATE.test(name)) return true;
        waiting.push(entry);
      }
    }
  }
  return false;
}

/**
 * Canonical JSON by RFC 8785, the text that is hashed and signed.
 *
 * @returns `not-canonical` when the RFC has no form for the value, so that no two programs could agree on bytes to sign: a
 * text holds half of a surrogate pair, or a number is beyond what a double holds. Such documents can still be read, compared
 * and written. Also where it nests deeper than documents may.
 */
export function canonicalJson(value: unknown): DocumentResult<string> {
  if (!isShallow(value)) return notCanonical('it is nested too deeply');
  if (holdsLoneSurrogate(value)) {
    return notCanonical('one of its texts holds half of a character (a lone surrogate)');
  }
  try {
    const text = canonicalize(value);
    if (text !== undefined) return { ok: true, value: text };
  } catch {
    // `JSON.parse` makes infinity of a number that is too large for a double.
  }
  return notCanonical('it holds a number beyond all that JSON can say, or nothing at all');
}

function notCanonical(why: string): DocumentResult<never> {
  return documentFailure('not-canonical', `This document has no canonical form: ${why}.`);
}

function compareByCodeUnits([left]: [string, unknown], [right]: [string, unknown]): number {
  return left < right ? -1 : Number(left > right);
}

/**
 * A text that two JSON values share exactly when they mean the same: RFC 8785, and a lone surrogate as its `\udXXX` escape,
 * as ECMAScript writes it. For comparing and deduplicating; never sign it.
 */
export function comparableJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(comparableJson).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const fields = Object.entries(value).filter(([, field]) => field !== undefined);
  return `{${fields
    .sort(compareByCodeUnits)
    .map(([name, field]) => `${JSON.stringify(name)}:${comparableJson(field)}`)
    .join(',')}}`;
}
