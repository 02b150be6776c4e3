import { Type, type Static } from 'typebox';
import { MODEL_LIMITS, SAMPLING_LIMITS } from './model';

/** Limits on log-probabilities; each bounds what a node or a requester can make others hold. */
export const LOG_PROBABILITY_LIMITS = {
  /** The least one, which stands for all that is less likely; OpenAI's API has the same. */
  least: -9_999,
  /** Characters, and bytes, of one token's piece: the longest tokens of published vocabularies are runs of 128 signs. */
  maxPieceLength: 256,
  /** Those of one answer: tokens × (1 + alternatives). 8,192 tokens with 20 alternatives each, or any answer with few. */
  maxPerAnswer: 200_000,
} as const;

const Piece = {
  /** The token on its own, or a special token's name; bytes that form no character come as U+FFFD. */
  text: Type.String({ maxLength: LOG_PROBABILITY_LIMITS.maxPieceLength }),
  /** What it adds to a text, where that is not the UTF-8 of `text`: parts of characters; empty for a special token. */
  bytes: Type.Optional(
    Type.Array(Type.Integer({ minimum: 0, maximum: 255 }), { maxItems: LOG_PROBABILITY_LIMITS.maxPieceLength }),
  ),
};

/** One token and the natural logarithm of its probability: softmax of the model's logits, before all sampling settings. */
export const LogProbability = Type.Object({
  id: Type.Integer({ minimum: 0, maximum: MODEL_LIMITS.maxVocabularySize }),
  ...Piece,
  logprob: Type.Number({ minimum: LOG_PROBABILITY_LIMITS.least, maximum: 0 }),
});
export type LogProbability = Static<typeof LogProbability>;

/** The log-probability of a token of an answer and those of the likeliest tokens in its place. */
export const TokenLogProbabilities = Type.Object({
  ...LogProbability.properties,
  /** Likeliest first, at most `top_logprobs` of the request's sampling; the token itself may be among them. */
  top: Type.Array(LogProbability, { maxItems: SAMPLING_LIMITS.maxTopLogProbabilities }),
});
export type TokenLogProbabilities = Static<typeof TokenLogProbabilities>;

/** Whether an answer could carry more log-probabilities than are held for one; the requester then asks for less. */
export function asksForTooManyLogProbabilities(topLogProbabilities: number | undefined, tokens: number): boolean {
  return topLogProbabilities !== undefined && tokens * (1 + topLogProbabilities) > LOG_PROBABILITY_LIMITS.maxPerAnswer;
}
