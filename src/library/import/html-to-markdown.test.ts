import { describe, expect, it } from 'vitest';
import { htmlToMarkdown } from './html-to-markdown';

describe('HTML of exports', () => {
  it('becomes Markdown', () => {
    const html =
      '<h2>Plan</h2><p>First <b>cut</b> the&nbsp;layers,<br>then <a href="https://a.example/x">look</a> ' +
      '<a href="javascript:alert(1)">here</a>.</p><ol><li>one<ul><li>inside</li></ul></li><li>two</li></ol>' +
      '<pre>a  b\n</pre><script>alert(1)</script>';
    expect(htmlToMarkdown(html)).toBe(
      '## Plan\n\nFirst **cut** the layers,\nthen [look](https://a.example/x) here.\n\n' +
        '1. one\n\n  - inside\n\n2. two\n\n```\na  b\n```',
    );
  });

  it('is read in one go, however many words and lists inside each other it has', () => {
    const words = 100_000;
    expect(htmlToMarkdown('<b>a</b> '.repeat(words))).toBe('**a** '.repeat(words).trimEnd());
    const lists = 100_000;
    const nested = htmlToMarkdown('<ul><li>a'.repeat(lists));
    expect(nested.match(/- a/g)).toHaveLength(lists);
    expect(nested.length).toBeLessThan(lists * 60);
  });
});
