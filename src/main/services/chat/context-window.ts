import type { ChatMessage } from '../../../protocol/compute/model';

/** One question with its answer. */
export interface Turn {
  readonly question: string;
  readonly answer: string;
}

/** Tokens a chat template adds around each message; the templates of known models need between 3 and 10. */
const TEMPLATE_TOKENS_PER_MESSAGE = 10;
/** Characters of text that make one token, chosen low: English in small vocabularies has 2.5, in large ones 4. */
const CHARACTERS_PER_TOKEN = 2;

/**
 * Tokens a text cannot exceed: byte-level vocabularies have a token for every byte, so no text has more tokens than
 * bytes in UTF-8.
 */
export function tokensAtMost(messages: readonly ChatMessage[]): number {
  return messages.reduce(
    (sum, { content }) => sum + Buffer.byteLength(content, 'utf8') + TEMPLATE_TOKENS_PER_MESSAGE,
    TEMPLATE_TOKENS_PER_MESSAGE,
  );
}

/** Tokens a text probably has, rather too many than too few. */
function tokensProbably(text: string): number {
  return Math.ceil([...text].length / CHARACTERS_PER_TOKEN) + TEMPLATE_TOKENS_PER_MESSAGE;
}

/** The messages of a request, and how many of the oldest turns did not fit. */
export interface FittedMessages {
  readonly messages: readonly ChatMessage[];
  readonly turnsLeftOut: number;
}

/**
 * Builds the messages of a request from earlier turns and a new question, leaving out the oldest turns that would not
 * fit into the context beside the answer. The question itself always stays.
 *
 * @param contextLength - positions of the model's context; null when it is not known, then every turn stays
 */
export function fitMessages(
  turns: readonly Turn[],
  question: string,
  contextLength: number | null,
  maxNewTokens: number,
): FittedMessages {
  const kept: Turn[] = [];
  let room =
    contextLength === null ? Number.POSITIVE_INFINITY : contextLength - maxNewTokens - tokensProbably(question);
  for (const turn of turns.toReversed()) {
    room -= tokensProbably(turn.question) + tokensProbably(turn.answer);
    if (room < 0) break;
    kept.unshift(turn);
  }
  const messages = kept.flatMap((turn): ChatMessage[] => [
    { role: 'user', content: turn.question },
    { role: 'assistant', content: turn.answer },
  ]);
  return {
    messages: [...messages, { role: 'user', content: question }],
    turnsLeftOut: turns.length - kept.length,
  };
}
