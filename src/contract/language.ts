import { Type, type Static } from 'typebox';

/** Languages the app is written in. */
export const LANGUAGES = ['en', 'tr'] as const;
export type Language = (typeof LANGUAGES)[number];

/** What the user chose: a language, or whatever the computer is set to. */
export const LanguageChoice = Type.Union([Type.Literal('system'), Type.Literal('en'), Type.Literal('tr')]);
export type LanguageChoice = Static<typeof LanguageChoice>;

/**
 * The language to use: the chosen one, else the first of the computer's languages the app is written in, else English.
 *
 * @param systemLanguages - language tags as `tr-TR`, the preferred first
 */
export function languageOf(choice: LanguageChoice, systemLanguages: readonly string[]): Language {
  if (choice !== 'system') return choice;
  for (const tag of systemLanguages) {
    const known = LANGUAGES.find((language) => language === tag.slice(0, 2).toLowerCase());
    if (known !== undefined) return known;
  }
  return 'en';
}
