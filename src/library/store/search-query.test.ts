import fc from 'fast-check';
import { DatabaseSync } from '@photostructure/sqlite';
import { describe, expect, it } from 'vitest';
import { excerptOf, findRanges, parseQuery, toMatchExpression } from './search-query';
import { searchableText } from './search-text';

/** As in the library's schema. */
const TOKENIZER = "unicode61 remove_diacritics 0 categories 'L* N* M* Co'";

function marked(text: string, query: string): string {
  let result = '';
  let at = 0;
  for (const { start, end } of findRanges(text, parseQuery(query))) {
    result += `${text.slice(at, start)}[${text.slice(start, end)}]`;
    at = end;
  }
  return result + text.slice(at);
}

describe('queries', () => {
  it.each([
    ['two wor', '"two" "wor"*'],
    ['two words ', '"two" "words"'],
    ['"a phrase" more', '"a phrase" "more"*'],
    ['"open phra', '"open phra"*'],
    ['Größe ', '"große"'],
    ['AND OR NOT (x* : ^', '"and" "or" "not" "x"'],
    ["o'neill's", '"o neill s"*'],
    ['東京都', '"東 京 都"*'],
    ['***', ''],
  ])('reads %s', (query, expression) => {
    expect(toMatchExpression(parseQuery(query))).toBe(expression);
  });

  it('never makes an expression that the index refuses', () => {
    const database = new DatabaseSync(':memory:');
    database.exec(`create virtual table t using fts5 (text, content = '', tokenize = "${TOKENIZER}")`);
    const find = database.prepare('select rowid from t where t match ?');
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 40 }), (query) => {
        const expression = toMatchExpression(parseQuery(query));
        expect(expression === '' ? [] : find.all(expression)).toEqual([]);
      }),
      { numRuns: 1_000 },
    );
    database.close();
  });
});

describe('highlights', () => {
  it('mark words, beginnings, phrases and single characters of scripts without blanks', () => {
    expect(marked('Die Größe der Grosse', 'große')).toBe('Die [Größe] der Grosse');
    expect(marked('search, searching, research', 'search')).toBe('[search], [searching], research');
    expect(marked('a red house, a red, house', '"red house" ')).toBe('a [red house], a [red, house]');
    expect(marked('今日は東京都に行く', '東京')).toBe('今日は[東京]都に行く');
    expect(marked('Işık HIZI, hızı, İzmir', 'ışık hızı ')).toBe('[Işık] [HIZI], [hızı], İzmir');
    expect(marked('İzmir IZMIR ızmır', 'izmir ')).toBe('[İzmir] [IZMIR] [ızmır]');
  });

  it('are inside the excerpt and fit the words, whatever the text', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary', maxLength: 600 }),
        fc.string({ unit: 'grapheme', maxLength: 5 }),
        (text, query) => {
          const excerpt = excerptOf(text, parseQuery(query));
          for (const { start, end } of excerpt.highlights) {
            expect(start).toBeGreaterThanOrEqual(0);
            expect(end).toBeGreaterThan(start);
            expect(end).toBeLessThanOrEqual(excerpt.text.length);
          }
        },
      ),
      { numRuns: 500 },
    );
  });

  it('agree with the index', () => {
    const database = new DatabaseSync(':memory:');
    database.exec(`create virtual table t using fts5 (text, content = '', tokenize = "${TOKENIZER}")`);
    const texts = [
      'Größe',
      'naïve café',
      '東京都',
      'foo_bar baz',
      'x² ½',
      'ДОМ дом',
      'Ελλάδα',
      'don’t',
      'a-b',
      'हिन्दी',
      'ไทยแลนด์',
      '한국어',
      'Ёлка',
    ];
    for (const [index, text] of texts.entries()) {
      database.prepare('insert into t (rowid, text) values (?, ?)').run(index, searchableText(text));
    }
    for (const query of [
      'grosse',
      'große',
      'naive',
      'cafe',
      '京',
      'foo',
      'bar',
      'baz',
      'дом',
      'ελλαδα',
      'don',
      'b',
      'हिन्दी',
      'हिन',
      'ไทย',
      '한국어',
      'елка',
    ]) {
      const found = database
        .prepare('select rowid from t where t match ?')
        .all(toMatchExpression(parseQuery(`${query} `))) as { rowid: number }[];
      const highlighted = texts.flatMap((text, rowid) =>
        findRanges(text, parseQuery(`${query} `)).length > 0 ? [{ rowid }] : [],
      );
      expect([query, highlighted]).toEqual([query, found]);
    }
    database.close();
  });
});
