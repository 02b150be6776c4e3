import type { Language } from '../../contract/language';
import { english } from './english';
import type { Texts } from './texts';
import { turkish } from './turkish';

const TEXTS: Readonly<Record<Language, Texts>> = { en: english, tr: turkish };

export function textsOf(language: Language): Texts {
  return TEXTS[language];
}
