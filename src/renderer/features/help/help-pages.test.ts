import { describe, expect, it } from 'vitest';
import { HELP_TOPICS } from '../../stores/ui-store';
import { findPages, helpPages } from './help-pages';

describe('help', () => {
  it.each(['en', 'tr'] as const)('has every page in %s, with a title and a text', (language) => {
    const pages = helpPages(language);
    expect(pages.map(({ topic }) => topic)).toEqual([...HELP_TOPICS]);
    for (const { title, text } of pages) {
      expect(title).not.toMatch(/^#|^$/);
      expect(text.length).toBeGreaterThan(300);
    }
  });

  it('has the same parts in both languages', () => {
    const parts = (language: 'en' | 'tr'): number[] =>
      helpPages(language).map(({ text }) => text.match(/^## /gm)?.length ?? 0);
    expect(parts('tr')).toEqual(parts('en'));
  });

  it('is searched without case and accents, titles first', () => {
    const topics = (language: 'en' | 'tr', query: string): readonly string[] =>
      findPages(helpPages(language), query).map(({ topic }) => topic);
    expect(topics('en', 'EARNING')[0]).toBe('earning');
    expect(topics('en', 'antivirus memory')).toEqual(['problems']);
    expect(topics('tr', 'guvenilirlik sinama')).toContain('earning');
    expect(topics('en', 'zzz')).toEqual([]);
    expect(topics('en', ' ')).toEqual([...HELP_TOPICS]);
  });
});
