import type { TFunction } from 'i18next';
import { administration } from '../../i18n/en/administration';

type Known = keyof (typeof administration)['word'];

const isKnown = (word: string): word is Known => Object.hasOwn(administration.word, word);

/** A word the coordinator uses for a state or a role, in the language of the window; one of a newer version as it came. */
export function coordinatorWord(t: TFunction, word: string): string {
  return isKnown(word) ? t(`administration.word.${word}`) : word;
}
