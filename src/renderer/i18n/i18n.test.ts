import i18next from 'i18next';
import { describe, expect, it } from 'vitest';
import { formatAmount, formatBytes, formatCount, formatPercent, formatSpeed } from '../format/numbers';
import { setFormatLanguage } from '../format/language';
import { formatDate, formatDuration, formatTimeLeft, weekdayName } from '../format/times';
import { en } from './en';
import { startI18n } from './i18n';
import { tr } from './tr';

type Tree = { readonly [key: string]: string | Tree };

function textsOf(tree: Tree, path = ''): [string, string][] {
  return Object.entries(tree).flatMap(([key, value]): [string, string][] =>
    typeof value === 'string' ? [[`${path}${key}`, value]] : textsOf(value, `${path}${key}.`),
  );
}

/** What is put into a text while it is shown. `count` chooses the plural form and need not be written. */
function placeholdersOf(text: string): string[] {
  const found = [...text.matchAll(/\{\{(\w+)\}\}/g)].map(([, name]) => name ?? '').filter((name) => name !== 'count');
  return [...new Set(found)].sort();
}

const english = new Map(textsOf(en));
const turkish = new Map(textsOf(tr));
/** Sentences the demonstration model knows, in the language it was trained in. */
const KEPT_IN_ENGLISH = /^chat\.suggestions\./;

describe('Turkish', () => {
  it('has every text English has, and no other', () => {
    expect([...turkish.keys()].sort()).toEqual([...english.keys()].sort());
  });

  it('puts the same values into its texts', () => {
    const different = [...english].filter(
      ([key, text]) => String(placeholdersOf(turkish.get(key) ?? '')) !== String(placeholdersOf(text)),
    );
    expect(different).toEqual([]);
  });

  it('is translated', () => {
    // Single words may be the same in both languages, and names are.
    const same = [...english].filter(
      ([key, text]) => turkish.get(key) === text && /[a-z]+ [a-z]+/.test(text) && !KEPT_IN_ENGLISH.test(key),
    );
    expect(same).toEqual([]);
  });

  it('writes numbers and dates its own way', async () => {
    startI18n();
    await i18next.changeLanguage('tr');
    setFormatLanguage('tr');
    try {
      expect(formatCount(1_234_567)).toBe('1.234.567');
      expect(formatAmount(1_234_560_000)).toBe('1.234,56');
      expect(formatPercent(0.62)).toBe('%62');
      expect(formatSpeed(4.25)).toBe('4,3');
      expect(formatBytes(1_610_612_736)).toMatch(/^1,5\s?GB$/u);
      expect(formatDuration(1_240)).toMatch(/^1,2\s?sn$/u);
      expect(formatTimeLeft(12_000)).toMatch(/^3\s?sa 20\s?dk$/u);
      expect(formatDate('2026-11-22T12:00:00Z')).toBe('22 Kas 2026');
      expect(weekdayName(0)).toBe('Pazartesi');
      expect(i18next.t('activity.requests', { count: 3, shown: '3' })).toBe('şu anda 3 istek');
    } finally {
      setFormatLanguage('en');
      await i18next.changeLanguage('en');
    }
  });
});
