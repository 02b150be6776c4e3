import type { FederatedAnswer } from '../../protocol/compute/http/federated-answer';
import type { TokenLogProbabilities } from '../../protocol/compute/log-probabilities';
import type { GenerateOutcome } from '../../protocol/wire/messages';
import type { CompletionRequest } from './completion-requests';
import { LogProbabilityWriter } from './log-probability-answers';

/** What the ledger confirmed for a request; OpenAI's API has no such field, so it stands beside its own in `usage`. */
export interface SettledCost {
  /** Decimal GFT, at most six fraction digits. */
  readonly amount: number;
  readonly unit: 'GFT';
  readonly ledger_ref: string;
  readonly confirmed_at: string;
}

export interface Usage {
  readonly prompt_tokens: number;
  readonly completion_tokens: number;
  readonly total_tokens: number;
  /** Null where the coordinator keeps no accounts. */
  readonly tore_cost: SettledCost | null;
  /** Present when another coordinator answered, under an agreement. */
  readonly tore_served_by?: FederatedAnswer;
}

const OBJECT_NAMES = {
  chat: { whole: 'chat.completion', part: 'chat.completion.chunk', idPrefix: 'chatcmpl-' },
  text: { whole: 'text_completion', part: 'text_completion', idPrefix: 'cmpl-' },
} as const;

type FinishReason = 'stop' | 'length';

/** Tokens and the settled cost of an answer. */
export function usageOf(outcome: GenerateOutcome): Usage {
  const { input_tokens: input, tokens, ledger_ref: ledgerRef, confirmed_at: confirmedAt } = outcome;
  return {
    prompt_tokens: input,
    completion_tokens: tokens,
    total_tokens: input + tokens,
    tore_cost:
      ledgerRef === null || confirmedAt === null
        ? null
        : { amount: outcome.gft_deducted, unit: 'GFT', ledger_ref: ledgerRef, confirmed_at: confirmedAt },
    ...(outcome.federation === undefined ? {} : { tore_served_by: outcome.federation }),
  };
}

function finishReasonOf(outcome: GenerateOutcome): FinishReason {
  return outcome.finish_reason === 'length' ? 'length' : 'stop';
}

/** Writes the answers to one request, whole or piece by piece, in OpenAI's shapes. */
export class AnswerWriter {
  readonly #head: { readonly id: string; readonly created: number; readonly model: string };
  readonly #kind: CompletionRequest['kind'];
  readonly #includeUsage: boolean;
  readonly #logProbabilities: LogProbabilityWriter;

  /** @param createdMs - time of the request, milliseconds since 1970 */
  constructor(request: CompletionRequest, createdMs: number) {
    this.#kind = request.kind;
    this.#logProbabilities = new LogProbabilityWriter(request.kind);
    this.#includeUsage = request.stream && request.includeUsage;
    this.#head = {
      id: `${OBJECT_NAMES[request.kind].idPrefix}${request.generate.requestId}`,
      created: Math.floor(createdMs / 1_000),
      model: request.generate.modelId,
    };
  }

  /**
   * The one answer to a request that does not stream.
   *
   * @param described - the log-probabilities of its tokens, as far as there are any
   */
  whole(outcome: GenerateOutcome, described: readonly TokenLogProbabilities[]): object {
    const logprobs = this.#logProbabilities.write(described);
    const rest = { index: 0, finish_reason: finishReasonOf(outcome), logprobs };
    const choice =
      this.#kind === 'chat'
        ? { message: { role: 'assistant', content: outcome.text, refusal: null }, ...rest }
        : { text: outcome.text, ...rest };
    const { whole } = OBJECT_NAMES[this.#kind];
    return { ...this.#head, object: whole, choices: [choice], usage: usageOf(outcome) };
  }

  /** The first event of a chat's stream, which names the speaker; a text's stream has none. */
  opening(): object | null {
    return this.#kind === 'chat' ? this.#part({ delta: { role: 'assistant', content: '' } }, null, []) : null;
  }

  /** New text, and the log-probabilities of the tokens since the last piece. */
  piece(text: string, described: readonly TokenLogProbabilities[]): object {
    return this.#part(this.#kind === 'chat' ? { delta: { content: text } } : { text }, null, described);
  }

  /** The last events: why it ended and, when asked for, what it took. */
  closing(outcome: GenerateOutcome, described: readonly TokenLogProbabilities[]): object[] {
    const nothing = this.#kind === 'chat' ? { delta: {} } : { text: '' };
    const end = this.#part(nothing, finishReasonOf(outcome), described);
    if (!this.#includeUsage) return [end];
    const { part } = OBJECT_NAMES[this.#kind];
    return [end, { ...this.#head, object: part, choices: [], usage: usageOf(outcome) }];
  }

  #part(content: object, finishReason: FinishReason | null, described: readonly TokenLogProbabilities[]): object {
    const logprobs = this.#logProbabilities.write(described);
    return {
      ...this.#head,
      object: OBJECT_NAMES[this.#kind].part,
      choices: [{ index: 0, ...content, finish_reason: finishReason, logprobs }],
      ...(this.#includeUsage ? { usage: null } : {}),
    };
  }
}
