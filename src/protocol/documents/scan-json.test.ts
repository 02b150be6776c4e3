import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isExactNumber } from './exact-number';
import { findJsonFault } from './scan-json';

const limits = { maxDepth: 20, maxValues: 10_000 };

/** Pieces of JSON and of what is nearly JSON. */
const PIECES = `{ } [ ] , : "a" "b" "\\u00e9" "\\x" " \\ 1 - 0 .5 1e5 e true false null nul /`
  .split(' ')
  .concat(' ', '\n', '\u0000', '\ud800', '\u00a0');

function parses(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

describe('findJsonFault', () => {
  it('accepts what JSON.stringify writes', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 10 }), fc.integer({ min: 0, max: 4 }), (value, space) => {
        expect(findJsonFault(JSON.stringify(value, null, space), limits)).toBeNull();
      }),
    );
  });

  it('accepts nothing that JSON.parse refuses, and refuses for its own reasons only', () => {
    const piece = fc.constantFrom(...PIECES);
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 14 }), (pieces) => {
        const text = pieces.join('');
        const fault = findJsonFault(text, limits);
        const grammar = fault === null || fault.code === 'duplicate-key' || fault.code === 'number-inexact';
        const ownReason = fault !== null && grammar;
        expect(ownReason || parses(text) === (fault === null)).toBe(true);
      }),
      { numRuns: 5_000 },
    );
  });

  it('calls every beginning of a document cut off', () => {
    const text = '{"a":[1,-2.5e+3,"x\\u00e9\\n",true,false,null,{}],"b":{"c":[]}}';
    expect(findJsonFault(text, limits)).toBeNull();
    for (let length = 1; length < text.length; length += 1) {
      expect(findJsonFault(text.slice(0, length), limits)).toMatchObject({ code: 'truncated', index: length });
    }
  });

  it('counts depth and values', () => {
    expect(findJsonFault(`${'['.repeat(20)}${']'.repeat(20)}`, limits)).toBeNull();
    expect(findJsonFault(`${'[{"a":'.repeat(11)}1`, limits)).toMatchObject({ code: 'too-deep', index: 60 });
    expect(findJsonFault(`[${'1,'.repeat(10_000)}1]`, limits)?.code).toBe('too-many-values');
  });

  it('does not use the call stack for depth', () => {
    const deep = '['.repeat(1_000_000);
    expect(findJsonFault(deep, { maxDepth: 2_000_000, maxValues: 2_000_000 })?.code).toBe('truncated');
  });

  it('compares names by what they mean, in each object apart', () => {
    expect(findJsonFault('{"a":{"a":1},"b":[{"a":1},{"a":1}]}', limits)).toBeNull();
    expect(findJsonFault('{"a":1,"b":2,"\\u0061":3}', limits)).toMatchObject({ code: 'duplicate-key', index: 13 });
    expect(findJsonFault('{"__proto__":1,"__proto__":2}', limits)?.code).toBe('duplicate-key');
  });
});

describe('isExactNumber', () => {
  it('takes every double in the form ECMAScript writes it and in 17 digits', () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
        expect(isExactNumber(JSON.stringify(value))).toBe(true);
        if (Math.abs(value) < 1e15 && !Number.isInteger(value)) {
          expect(isExactNumber(value.toPrecision(17).replace('+', ''))).toBe(true);
        }
      }),
    );
  });

  it('takes an integer exactly when ECMAScript writes it back digit for digit', () => {
    // Below 10^21 ECMAScript writes integers without an exponent.
    fc.assert(
      fc.property(fc.bigInt({ min: -(2n ** 69n), max: 2n ** 69n }), (value) => {
        const token = value.toString();
        expect(isExactNumber(token)).toBe(String(Number(token)) === token);
      }),
    );
  });

  it.each(['0', '-0', '0.000', '1.50', '1E5', '100000000000000000000', '10.799999999999999', '0.10000000000000001'])(
    'takes %s',
    (token) => expect(isExactNumber(token)).toBe(true),
  );

  it.each(['9007199254740993', '1e400', '-1e400', '1e-400', '3.14159265358979323846', '12345678901234567890'])(
    'refuses %s',
    (token) => expect(isExactNumber(token)).toBe(false),
  );
});
