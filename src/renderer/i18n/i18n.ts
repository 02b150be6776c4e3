import i18next from 'i18next';
import { initReactI18next } from 'react-i18next';
import type { Language } from '../../contract';
import { setFormatLanguage } from '../format/language';
import { en } from './en';
import { tr } from './tr';
import { errors } from './tr/errors';

declare module 'i18next' {
  interface CustomTypeOptions {
    defaultNS: 'translation';
    resources: { translation: typeof en };
  }
}

/** Makes the texts available in English; ready when it returns. */
export function startI18n(): void {
  void i18next.use(initReactI18next).init({
    lng: 'en',
    fallbackLng: 'en',
    resources: { en: { translation: en }, tr: { translation: tr, errors } },
    // The texts come with the app, so there is nothing to wait for.
    initAsync: false,
    // React escapes.
    interpolation: { escapeValue: false },
    returnNull: false,
  });
}

/** Writes texts, numbers and dates in a language from now on. */
export function setLanguage(language: Language): void {
  setFormatLanguage(language);
  document.documentElement.lang = language;
  void i18next.changeLanguage(language);
}
