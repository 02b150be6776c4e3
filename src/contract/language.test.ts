import { expect, it } from 'vitest';
import { languageOf, type LanguageChoice } from './language';

it.each([
  ['tr', ['en-GB'], 'tr'],
  ['en', ['tr-TR'], 'en'],
  ['system', ['tr-TR', 'en-US'], 'tr'],
  ['system', ['de-DE', 'TR', 'en'], 'tr'],
  ['system', ['de-DE', 'fr'], 'en'],
  ['system', [], 'en'],
] as const satisfies readonly (readonly [LanguageChoice, readonly string[], string])[])(
  'choice %s on a computer set to %j gives %s',
  (choice, system, language) => {
    expect(languageOf(choice, system)).toBe(language);
  },
);
