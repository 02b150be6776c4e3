import type { AnswerHop, ServingCoordinator } from '../../../contract/chat';
import type { AnsweredBy } from '../../../contract/settings';
import type { ChatMessage } from '../../../protocol/compute/model';
import type { Result } from '../../../protocol/result';
import { mainFailure } from '../../errors';

/** What Chat asks of a model. */
export interface AnswerRequest {
  readonly requestId: string;
  readonly modelId: string;
  readonly messages: readonly ChatMessage[];
  readonly maxNewTokens: number;
  readonly temperature: number;
  readonly topK: number;
  readonly topP: number;
  readonly seed: number | null;
  /** Models of one's own answer themselves, whatever this says. */
  readonly answeredBy: AnsweredBy;
}

export interface AnswerListeners {
  /** `hops` is empty where no nodes of a cooperative take part. */
  readonly onStarted: (start: { readonly hops: readonly AnswerHop[]; readonly inputTokens: number }) => void;
  /** The request waits for its turn; 1 is next. */
  readonly onQueued: (position: number) => void;
  readonly onText: (text: string) => void;
  /** The answer begins from the start once more; text that came before is void. */
  readonly onAnew: () => void;
  /** The answer pauses because nobody serves these layers; it waits this long for somebody. */
  readonly onPaused: (pause: { readonly layersMissing: readonly number[]; readonly seconds: number }) => void;
  readonly signal: AbortSignal;
}

/** The end of an answer as its source settled it. */
export interface AnswerOutcome {
  readonly text: string;
  readonly finishReason: 'stop' | 'length' | 'cancelled' | 'error';
  readonly hops: readonly AnswerHop[];
  /** The coordinator had a server outside answer. */
  readonly isFallback?: boolean;
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly durationMs: number;
  /** Null where no ledger of GFT has confirmed a cost. */
  readonly settledCost: { readonly microGft: number; readonly ledgerRef: string; readonly confirmedAt: string } | null;
  /** Present when another coordinator answered, under an agreement. */
  readonly servedBy?: ServingCoordinator;
}

/** Where answers come from: the cooperative's models, or those of a provider the person has an account with. */
export interface AnswerSource {
  /** Whether this source answers for a model. */
  has(modelId: string): boolean;
  /** Positions of a model's context; null when it is not known. */
  contextLengthOf(modelId: string): number | null;
  generate(request: AnswerRequest, listeners: AnswerListeners): Promise<Result<AnswerOutcome>>;
}

/** Several sources as one: the first that has a model answers for it. */
export function joinAnswerSources(sources: readonly AnswerSource[]): AnswerSource {
  const sourceOf = (modelId: string): AnswerSource | undefined => sources.find((source) => source.has(modelId));
  return {
    has: (modelId) => sourceOf(modelId) !== undefined,
    contextLengthOf: (modelId) => sourceOf(modelId)?.contextLengthOf(modelId) ?? null,
    generate: (request, listeners) =>
      sourceOf(request.modelId)?.generate(request, listeners) ??
      Promise.resolve(mainFailure('model-invalid', `No model named ${request.modelId} can be asked here.`)),
  };
}
