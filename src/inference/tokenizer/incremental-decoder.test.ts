import * as fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { expectValue, golden, TORE_TINY } from '../testdata/tore-tiny';
import { IncrementalDecoder } from './incremental-decoder';
import { TextTokenizer } from './text-tokenizer';
import { readTokenizerFiles } from './tokenizer-files';

/** A tokenizer whose tokens are single bytes: every character of two to four bytes is spread over tokens. */
const decodeBytes = (ids: readonly number[]): string => new TextDecoder().decode(Uint8Array.from(ids));

function decodeAll(decode: (ids: readonly number[]) => string, ids: readonly number[]): string[] {
  const decoder = new IncrementalDecoder(decode);
  return [...ids.map((id) => decoder.push(id)), decoder.finish()];
}

const LONE_SURROGATE = /\p{Surrogate}/u;
const text = fc
  .string({ unit: 'grapheme', maxLength: 40 })
  .filter((value) => !LONE_SURROGATE.test(value) && !value.includes('\uFFFD'));

describe('IncrementalDecoder', () => {
  it('gives a character with its last byte and nothing before', () => {
    expect(decodeAll(decodeBytes, [...Buffer.from('a€😀b')])).toEqual(['a', '', '', '€', '', '', '', '😀', 'b', '']);
  });

  it('gives any text back, only in whole characters', () => {
    fc.assert(
      fc.property(text, (value) => {
        const pieces = decodeAll(decodeBytes, [...Buffer.from(value)]);
        expect(pieces.join('')).toBe(value);
        for (const piece of pieces) expect(piece).not.toContain('\uFFFD');
        for (const piece of pieces) expect(piece).not.toMatch(LONE_SURROGATE);
      }),
    );
  });

  it('drops a character that never ends', () => {
    expect(decodeAll(decodeBytes, [...Buffer.from('ok'), 0xf0, 0x9f, 0x98]).join('')).toBe('ok');
  });

  it('keeps a space behind a byte order mark', () => {
    // As SentencePiece with byte fallback: a text loses the space it begins with, and decoding bytes a mark they begin with.
    const decode = (ids: readonly number[]): string =>
      ids
        .map((id) => (id === 256 ? ' a' : String.fromCharCode(id)))
        .join('')
        .replace(/[\u0080-\u00FF]+/g, (bytes) => new TextDecoder().decode(Buffer.from(bytes, 'latin1')))
        .replace(/^ /, '');
    const ids = [...Buffer.from('é\uFEFF'), 256, 256];
    expect(decodeAll(decode, ids).join('')).toBe('é\uFEFF a a');
  });

  it('goes on after bytes that are no characters', () => {
    const garbage = Array.from({ length: 300 }, () => 0xff);
    const joined = decodeAll(decodeBytes, [...garbage, ...Buffer.from('then €')]).join('');
    expect(joined.endsWith('then €')).toBe(true);
  });

  it('never throws and never gives lone surrogates, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        for (const piece of decodeAll(decodeBytes, [...bytes])) expect(piece).not.toMatch(LONE_SURROGATE);
      }),
    );
  });

  describe('with the tokenizer of tore-tiny', () => {
    let tokenizer: TextTokenizer;
    beforeAll(async () => {
      tokenizer = expectValue(TextTokenizer.create(expectValue(await readTokenizerFiles(TORE_TINY)), 1_024));
    });
    const decode = (ids: readonly number[]): string => tokenizer.decode(ids);

    it.each(golden.cases)('gives the recorded text of "$messages.0.content"', ({ greedy_ids, greedy_text }) => {
      expect(decodeAll(decode, greedy_ids).join('')).toBe(greedy_text);
    });

    it('gives any encoded text back, and hides special tokens', () => {
      fc.assert(
        fc.property(text, (value) => {
          const ids = tokenizer.encodePrompt(`x${value}`);
          const special = [0, 1, 2, 3, 4, 5];
          const mixed = expectValue(ids).flatMap((id, index) =>
            index % 3 === 0 ? [id, special[index % 6] ?? 0] : [id],
          );
          expect(decodeAll(decode, expectValue(ids)).join('')).toBe(`x${value}`);
          expect(decodeAll(decode, mixed).join('')).not.toContain('<|');
        }),
        { numRuns: 50 },
      );
    });
  });
});
