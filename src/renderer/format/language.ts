import type { Language } from '../../contract';

/** How numbers, dates and short units are written in one language. */
export interface Formats {
  readonly grouped: Intl.NumberFormat;
  readonly compact: Intl.NumberFormat;
  /** Between whole and fraction. */
  readonly decimal: string;
  readonly percent: (whole: string, space: string) => string;
  readonly clock: Intl.DateTimeFormat;
  readonly day: Intl.DateTimeFormat;
  readonly dayAndYear: Intl.DateTimeFormat;
  readonly monthAndYear: Intl.DateTimeFormat;
  readonly exact: Intl.DateTimeFormat;
  readonly weekday: Intl.DateTimeFormat;
  readonly units: { readonly ms: string; readonly s: string; readonly min: string; readonly h: string };
}

function formatsOf(numbers: string, dates: string, words: Pick<Formats, 'decimal' | 'percent' | 'units'>): Formats {
  return {
    ...words,
    grouped: new Intl.NumberFormat(numbers, { maximumFractionDigits: 0 }),
    compact: new Intl.NumberFormat(numbers, { notation: 'compact', maximumFractionDigits: 1 }),
    clock: new Intl.DateTimeFormat(dates, { hour: '2-digit', minute: '2-digit' }),
    day: new Intl.DateTimeFormat(dates, { day: 'numeric', month: 'short' }),
    dayAndYear: new Intl.DateTimeFormat(dates, { day: 'numeric', month: 'short', year: 'numeric' }),
    monthAndYear: new Intl.DateTimeFormat(dates, { month: 'short', year: 'numeric' }),
    exact: new Intl.DateTimeFormat(dates, { dateStyle: 'medium', timeStyle: 'medium' }),
    weekday: new Intl.DateTimeFormat(dates, { weekday: 'long' }),
  };
}

/** English dates have the day before the month and 24 hours. */
const FORMATS: Record<Language, Formats> = {
  en: formatsOf('en', 'en-GB', {
    decimal: '.',
    percent: (whole, space) => `${whole}${space}%`,
    units: { ms: 'ms', s: 's', min: 'min', h: 'h' },
  }),
  tr: formatsOf('tr', 'tr', {
    decimal: ',',
    percent: (whole) => `%${whole}`,
    units: { ms: 'ms', s: 'sn', min: 'dk', h: 'sa' },
  }),
};

let current: Language = 'en';

/** Numbers and dates are written in this language from now on. */
export function setFormatLanguage(language: Language): void {
  current = language;
}

export function formats(): Formats {
  return FORMATS[current];
}
