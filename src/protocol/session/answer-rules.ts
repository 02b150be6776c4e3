import type { Turn } from './session';
import { editedTurnOf } from './session-host';

/** When a participant's model answers by itself. `asked` never does. */
export type AnswerRuleName = 'asked' | 'mention' | 'every-turn' | 'moderator';

/**
 * Answers of models in a row, without a person in between, after which no model answers by itself: two models that
 * mention each other stop here. A person's turn starts the count anew.
 */
export const MAX_MODEL_TURNS_IN_A_ROW = 3;
/** A moderator sums up after so many turns of others. */
export const MODERATOR_INTERVAL = 6;

export interface AnswerQuestion {
  readonly rule: AnswerRuleName;
  readonly participantId: string;
  /** Names by which the model is spoken to: its own and its person's. */
  readonly names: readonly string[];
  /** The whole session; the last turn is the one that has just come. */
  readonly turns: readonly Turn[];
}

/** All text of a turn. */
export function textOf(turn: Pick<Turn, 'content'>): string {
  return turn.content
    .flatMap((part) => ('text' in part && typeof part.text === 'string' && part.type === 'text' ? [part.text] : []))
    .join('\n\n');
}

/** Whether a text speaks to somebody: `@name`, whatever the case, as a whole word. */
export function mentions(text: string, names: readonly string[]): boolean {
  const lower = text.toLowerCase();
  return names.some((name) => {
    const wanted = `@${name.trim().toLowerCase()}`;
    for (let at = lower.indexOf(wanted); at >= 0; at = lower.indexOf(wanted, at + 1)) {
      const after = lower.slice(at + wanted.length, at + wanted.length + 1);
      if (wanted.length > 1 && !/[\p{L}\p{N}_-]/u.test(after)) return true;
    }
    return false;
  });
}

function modelTurnsInARow(turns: readonly Turn[]): number {
  const lastHuman = turns.findLastIndex(({ author }) => author === 'human');
  return turns.length - 1 - lastHuman;
}

/** Whether a model answers the turn that has just come. */
export function shouldAnswer({ rule, participantId, names, turns }: AnswerQuestion): boolean {
  const newest = turns.at(-1);
  if (newest === undefined || rule === 'asked' || editedTurnOf(newest) !== null) return false;
  const isOwnModel = newest.participant_id === participantId && newest.author === 'model';
  if (isOwnModel || modelTurnsInARow(turns) >= MAX_MODEL_TURNS_IN_A_ROW) return false;
  if (mentions(textOf(newest), names)) return true;
  if (rule === 'every-turn') return newest.author === 'human';
  if (rule !== 'moderator') return false;
  const lastOwn = turns.findLastIndex((turn) => turn.participant_id === participantId && turn.author === 'model');
  const since = turns.length - 1 - lastOwn;
  return newest.author === 'human' && since > 0 && since % MODERATOR_INTERVAL === 0;
}
