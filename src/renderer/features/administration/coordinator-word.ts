import type { TFunction } from 'i18next';
import type { administration } from '../../i18n/en/administration';

type Known = keyof (typeof administration)['word'];

const KNOWN: ReadonlySet<string> = new Set<Known>([
  'dispatched',
  'verified',
  'failed',
  'expired',
  'open',
  'used-up',
  'revoked',
  'active',
  'blocked',
  'node',
  'user',
]);

/** A word the coordinator uses for a state or a role, in the language of the window; one of a newer version as it came. */
export function coordinatorWord(t: TFunction, word: string): string {
  return KNOWN.has(word) ? t(`administration.word.${word as Known}`) : word;
}
