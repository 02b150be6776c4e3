/*
 * Texts of conversations are Markdown of anybody's making, some of it made to hold up whoever formats it. What would take
 * too long is shown as the plain text it is.
 */

const LIMITS = {
  /** Characters; long answers have a third of it. */
  length: 60_000,
  /** The same mark in a row: separators people draw are shorter, and the time for such runs grows with their square. */
  run: 200,
  /** Quotes inside each other. */
  quotes: 30,
  /** Braces inside each other: formulas and code of real answers stay below 20. */
  braces: 60,
  /** Marks of formulas, emphasis and tables in one text. */
  marks: 4_000,
} as const;

const LONG_RUN = new RegExp(`([*_~\\[\\]!\`$>|#])\\1{${LIMITS.run},}`);
const DEEP_QUOTE = new RegExp(`^(?:[ \\t]*(?:>|[-*+][ \\t]|\\d{1,9}[.)][ \\t])){${LIMITS.quotes},}`, 'm');

function braceDepth(text: string): number {
  let depth = 0;
  let deepest = 0;
  for (const character of text) {
    if (character === '{') depth += 1;
    else if (character === '}') depth = Math.max(0, depth - 1);
    if (depth > deepest) deepest = depth;
  }
  return deepest;
}

function marksIn(text: string): number {
  return text.match(/[$|*_[]/g)?.length ?? 0;
}

/** Whether a text is of a kind that is formatted in reasonable time. */
export function isFormattable(text: string): boolean {
  return (
    text.length <= LIMITS.length &&
    !LONG_RUN.test(text) &&
    !DEEP_QUOTE.test(text) &&
    braceDepth(text) <= LIMITS.braces &&
    marksIn(text) <= LIMITS.marks
  );
}

/** Fenced blocks and code in a line, which are nobody's to change. */
const CODE = /(```[^]*?(?:```|$)|~~~[^]*?(?:~~~|$)|`[^`\n]*`)/;

/**
 * Markdown with formulas in one form: many models write `\(a\)` and `\[a\]`, the formatter knows dollars. A dollar in front
 * of a sum of money is one.
 */
export function withDollarFormulas(text: string): string {
  return text
    .split(CODE)
    .map((piece, index) =>
      index % 2 === 1
        ? piece
        : piece
            .replace(/(^|[^\\])\$(?=\d[\d.,]*(?:[\s;:!?)]|$))/g, '$1\\$')
            .replace(/\\\[([^]*?)\\\]/g, (_match, formula: string) => `$$${formula}$$`)
            .replace(/\\\((.*?)\\\)/g, (_match, formula: string) => `$${formula}$`),
    )
    .join('');
}
