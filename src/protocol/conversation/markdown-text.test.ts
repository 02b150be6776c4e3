import { describe, expect, it } from 'vitest';
import { isFormattable, withDollarFormulas } from './markdown-text';

describe('texts that would hold up a formatter', () => {
  it.each([
    ['emphasis without end', `${'*'.repeat(10_000)}a${'*'.repeat(10_000)}`],
    ['quotes in quotes', '> '.repeat(1_000)],
    ['lists in lists', '- '.repeat(1_000)],
    ['brackets', '['.repeat(5_000)],
    ['fractions in fractions', `$$${'\\frac{1}{'.repeat(500)}`],
    ['a table of thousands of columns', '|a'.repeat(10_000)],
    ['dollars', '$a'.repeat(5_000)],
    ['very long', 'word '.repeat(20_000)],
  ])('are shown as they are: %s', (_what, text) => {
    expect(isFormattable(text)).toBe(false);
  });

  it('are not what people write', () => {
    const answer = [
      '# Title',
      '> a quote\n> > in a quote',
      '- a\n  - b\n    - c',
      '*'.repeat(80),
      '---',
      '| a | b |\n|---|---|\n| 1 | 2 |',
      '$$\\frac{a}{b}$$',
      '```ts\nconst a = { b: { c: [1] } };\n```',
    ].join('\n\n');
    expect(isFormattable(answer.repeat(20))).toBe(true);
  });
});

describe('formulas', () => {
  it('are brought into one form outside code', () => {
    expect(withDollarFormulas('so \\(a+b\\) and \\[c\n=d\\]')).toBe('so $a+b$ and $$c\n=d$$');
    expect(withDollarFormulas('`\\(a\\)` and\n```\n\\[b\\]\n```')).toBe('`\\(a\\)` and\n```\n\\[b\\]\n```');
  });

  it('are no sums of money', () => {
    expect(withDollarFormulas('from $5 to $10, or $1,200.50 in all')).toBe('from \\$5 to \\$10, or \\$1,200.50 in all');
    expect(withDollarFormulas('$5$ and $2x$')).toBe('$5$ and $2x$');
  });
});
