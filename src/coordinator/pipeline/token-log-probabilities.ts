import { Compile } from 'typebox/compile';
import {
  TokenLogProbabilities,
  type LogProbability,
  type TokenLogProbabilities as Described,
} from '../../protocol/compute/log-probabilities';
import type { AnswerToken } from './hop-driver';

/** What rounding to half precision may add where a node writes one value twice, or orders by it. */
const VALUE_TOLERANCE = 1e-3;
/** What it may add to a sum of probabilities. */
const SUM_TOLERANCE = 1e-2;

const checker = Compile(TokenLogProbabilities);

/** A token as a node sends it, before its log-probabilities are looked at. */
export interface SentToken {
  readonly id: number;
  readonly text: string;
  readonly logprobs?: unknown;
}

/** What the log-probabilities of an answer can be. */
export interface ExpectedLogProbabilities {
  /** Alternatives the requester wants; undefined: none, and no log-probabilities at all. */
  readonly topCount: number | undefined;
  readonly vocabularySize: number;
}

/**
 * Takes tokens of a node with their log-probabilities. Those nobody asked for are dropped, and where a node gives none
 * there are none: it may not know them.
 *
 * @returns the tokens, or what is wrong with what the node sent
 */
export function readSentTokens(
  sent: readonly SentToken[],
  expected: ExpectedLogProbabilities,
): { readonly tokens: readonly AnswerToken[] } | { readonly problem: string } {
  const tokens: AnswerToken[] = [];
  for (const { id, text, logprobs } of sent) {
    if (expected.topCount === undefined || logprobs === undefined || logprobs === null) {
      tokens.push({ id, text });
      continue;
    }
    if (!checker.Check(logprobs)) return { problem: 'log-probabilities of another shape' };
    const problem = problemOf(logprobs, id, expected.topCount, expected.vocabularySize);
    if (problem !== null) return { problem };
    tokens.push({ id, text, logProbabilities: { ...knownFields(logprobs), top: logprobs.top.map(knownFields) } });
  }
  return { tokens };
}

/** Without fields that only a stranger would add, and others would be made to carry. */
function knownFields({ id, text, bytes, logprob }: LogProbability): LogProbability {
  return { id, text, ...(bytes === undefined ? {} : { bytes }), logprob };
}

function problemOf(described: Described, id: number, topCount: number, vocabularySize: number): string | null {
  const { top, logprob: own } = described;
  if (described.id !== id) return `log-probabilities of token ${described.id} with token ${id}`;
  if (top.length > topCount) return `${top.length} likeliest tokens where ${topCount} were asked for`;
  if (top.some((entry) => entry.id >= vocabularySize)) {
    return "the log-probability of a token which the model's vocabulary does not have";
  }
  const values = new Map(top.map((entry) => [entry.id, entry.logprob]));
  if (values.size < top.length) return 'one of the likeliest tokens twice';
  if (top.some((entry, index) => entry.logprob > (top[index - 1]?.logprob ?? 0))) {
    return 'likeliest tokens that are not in order';
  }
  const again = values.get(id);
  if (again !== undefined && Math.abs(again - own) > VALUE_TOLERANCE) return 'two log-probabilities of one token';
  const last = top.at(-1);
  if (again === undefined && last !== undefined && own > last.logprob + VALUE_TOLERANCE) {
    return 'likeliest tokens that leave a likelier one out';
  }
  const sum = [...values.set(id, own).values()].reduce((total, value) => total + Math.exp(value), 0);
  return sum > 1 + SUM_TOLERANCE ? 'probabilities of more than 1 together' : null;
}
