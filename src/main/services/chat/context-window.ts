import type { ChatMessage } from '../../../protocol/compute/model';
import { tokensProbably } from '../../../protocol/compute/token-estimates';

/** One question with its answer. */
export interface Turn {
  readonly question: string;
  readonly answer: string;
}

/** The messages of a request, and how many of the oldest turns did not fit. */
export interface FittedMessages {
  readonly messages: readonly ChatMessage[];
  readonly turnsLeftOut: number;
}

interface FitOptions {
  /** Positions of the model's context; null when it is not known, then every turn stays. */
  readonly contextLength: number | null;
  readonly maxNewTokens: number;
  /** What stands in for the turns that are left out; null when there is nothing of the kind. */
  readonly background: string | null;
}

/** The newest turns that fit into a room, in their order. */
function newestTurns(turns: readonly Turn[], room: number): readonly Turn[] {
  const kept: Turn[] = [];
  let left = room;
  for (const turn of turns.toReversed()) {
    left -= tokensProbably(turn.question) + tokensProbably(turn.answer);
    if (left < 0) break;
    kept.unshift(turn);
  }
  return kept;
}

/**
 * Builds the messages of a request from earlier turns and a new question, leaving out the oldest turns that would not
 * fit into the context beside the answer. The question itself always stays. A background takes the place of what is left
 * out, where it fits.
 */
export function fitMessages(
  turns: readonly Turn[],
  question: string,
  { contextLength, maxNewTokens, background }: FitOptions,
): FittedMessages {
  const room =
    contextLength === null ? Number.POSITIVE_INFINITY : contextLength - maxNewTokens - tokensProbably(question);
  let kept = newestTurns(turns, room);
  let isWithBackground = false;
  if (kept.length < turns.length && background !== null) {
    const left = room - tokensProbably(background);
    isWithBackground = left >= 0;
    if (isWithBackground) kept = newestTurns(turns, left);
  }
  const messages = kept.flatMap((turn): ChatMessage[] => [
    { role: 'user', content: turn.question },
    { role: 'assistant', content: turn.answer },
  ]);
  return {
    messages: [
      ...(isWithBackground && background !== null ? [{ role: 'system' as const, content: background }] : []),
      ...messages,
      { role: 'user', content: question },
    ],
    turnsLeftOut: turns.length - kept.length,
  };
}
