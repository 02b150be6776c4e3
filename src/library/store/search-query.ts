import { fold, searchableText, wellFormed } from './search-text';

/** Words of one query; more narrow nothing down and cost time. */
const MAX_TERMS = 16;
const MAX_TERM_CHARACTERS = 100;
const WORD = /[\p{L}\p{N}\p{M}\p{Co}]+/gu;

/** One thing all results have: a row of words, the last of which may go on. */
export interface SearchTerm {
  /** Folded: lower case, without accents. */
  readonly words: readonly string[];
  readonly isPrefix: boolean;
}

/**
 * Reads what a person typed: words that all must occur, "phrases in quotes", and the last word as a beginning, so that
 * results come while typing. Everything else (operators, brackets) is just not a word.
 */
export function parseQuery(query: string): readonly SearchTerm[] {
  const terms: SearchTerm[] = [];
  const parts = wellFormed(query).split('"');
  for (const [index, part] of parts.entries()) {
    const isQuoted = index % 2 === 1;
    // An open quote is a phrase still being typed.
    const isLast = index === parts.length - 1;
    if (isQuoted) {
      const words = wordsOf(part);
      if (words.length > 0) terms.push({ words, isPrefix: isLast && !/\s$/.test(part) });
      continue;
    }
    const blanks = part.split(/\s+/).filter((text) => text !== '');
    for (const [position, text] of blanks.entries()) {
      const words = wordsOf(text);
      const isEnd = isLast && position === blanks.length - 1 && !/\s$/.test(part);
      if (words.length > 0) terms.push({ words, isPrefix: isEnd });
    }
  }
  return terms.slice(0, MAX_TERMS);
}

function wordsOf(text: string): readonly string[] {
  const words = searchableText(text).match(WORD) ?? [];
  return words.slice(0, MAX_TERMS).map((word) => word.slice(0, MAX_TERM_CHARACTERS));
}

/** The query in the language of FTS5. Every word is quoted, so nothing in it is an operator. */
export function toMatchExpression(terms: readonly SearchTerm[]): string {
  return terms.map(({ words, isPrefix }) => `"${words.join(' ')}"${isPrefix ? '*' : ''}`).join(' ');
}

/** A stretch of a text, in UTF-16 units. */
export interface TextRange {
  readonly start: number;
  readonly end: number;
}

export interface Excerpt {
  readonly text: string;
  /** What to highlight in `text`. */
  readonly highlights: readonly TextRange[];
}

const EXCERPT_CHARACTERS = 200;
/** How much of it stands before the first place found. */
const CHARACTERS_BEFORE = 60;
const MAX_HIGHLIGHTS = 40;

interface PlacedWord {
  readonly folded: string;
  readonly start: number;
  readonly end: number;
}

const TOKEN = /[\p{L}\p{N}\p{M}\p{Co}]+/gu;
const UNSPACED_CHARACTER =
  /^[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}]$/u;

function* placedWords(text: string): Generator<PlacedWord> {
  for (const found of text.matchAll(TOKEN)) {
    let run = '';
    let runStart = found.index;
    let at = found.index;
    for (const character of found[0]) {
      if (UNSPACED_CHARACTER.test(character)) {
        if (run !== '') yield { folded: fold(run), start: runStart, end: at };
        yield { folded: fold(character), start: at, end: at + character.length };
        run = '';
        runStart = at + character.length;
      } else run += character;
      at += character.length;
    }
    if (run !== '') yield { folded: fold(run), start: runStart, end: at };
  }
}

function matches(words: readonly PlacedWord[], from: number, term: SearchTerm): boolean {
  return term.words.every((wanted, offset) => {
    const word = words[from + offset]?.folded;
    if (word === undefined) return false;
    return term.isPrefix && offset === term.words.length - 1 ? word.startsWith(wanted) : word === wanted;
  });
}

/** Characters of a long text in which the places are looked for. */
const MAX_LOOKED_THROUGH = 200_000;

/** The places of the terms in a text, first to last. */
export function findRanges(text: string, terms: readonly SearchTerm[]): readonly TextRange[] {
  const words = [...placedWords(text.slice(0, MAX_LOOKED_THROUGH))];
  const ranges: TextRange[] = [];
  for (let index = 0; index < words.length && ranges.length < MAX_HIGHLIGHTS; index += 1) {
    const term = terms.find((candidate) => matches(words, index, candidate));
    const start = words[index]?.start;
    const end = words[index + (term?.words.length ?? 1) - 1]?.end;
    if (term !== undefined && start !== undefined && end !== undefined) ranges.push({ start, end });
  }
  return ranges;
}

/** The piece of a text around the first place where a term was found, with what to highlight. */
export function excerptOf(text: string, terms: readonly SearchTerm[]): Excerpt {
  const ranges = findRanges(text, terms);
  const first = ranges[0]?.start ?? 0;
  let from = Math.max(0, first - CHARACTERS_BEFORE);
  if (from > 0) {
    const space = text.indexOf(' ', from);
    if (space !== -1 && space < first) from = space + 1;
  }
  let to = Math.min(text.length, from + EXCERPT_CHARACTERS);
  // Never cut through a character of two units.
  if (/[\uDC00-\uDFFF]/.test(text[from] ?? '')) from += 1;
  if (/[\uDC00-\uDFFF]/.test(text[to] ?? '')) to += 1;
  const before = from > 0 ? '…' : '';
  const shift = before.length - from;
  return {
    text: `${before}${text.slice(from, to)}${to < text.length ? '…' : ''}`,
    highlights: ranges
      .filter(({ start, end }) => start >= from && end <= to)
      .map(({ start, end }) => ({ start: start + shift, end: end + shift })),
  };
}
