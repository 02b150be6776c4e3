import type { AnswerHop } from '../../../contract/chat';
import type { ChatMessage } from '../../../protocol/compute/model';
import type { Result } from '../../../protocol/result';

/** What Chat asks of the node, which asks the coordinator. */
export interface AnswerRequest {
  readonly requestId: string;
  readonly modelId: string;
  readonly messages: readonly ChatMessage[];
  readonly maxNewTokens: number;
  readonly temperature: number;
  readonly topK: number;
  readonly topP: number;
  readonly seed: number | null;
}

export interface AnswerListeners {
  readonly onStarted: (start: { readonly hops: readonly AnswerHop[]; readonly inputTokens: number }) => void;
  readonly onText: (text: string) => void;
  /** The answer begins from the start once more; text that came before is void. */
  readonly onAnew: () => void;
  /** The answer pauses because nobody serves these layers; it waits this long for somebody. */
  readonly onPaused: (pause: { readonly layersMissing: readonly number[]; readonly seconds: number }) => void;
  readonly signal: AbortSignal;
}

/** The end of an answer as the coordinator settled it. */
export interface AnswerOutcome {
  readonly text: string;
  readonly finishReason: 'stop' | 'length' | 'cancelled' | 'error';
  readonly hops: readonly AnswerHop[];
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly durationMs: number;
  readonly settledCost: { readonly microGft: number; readonly ledgerRef: string; readonly confirmedAt: string } | null;
}

/** Where answers come from. */
export interface AnswerSource {
  generate(request: AnswerRequest, listeners: AnswerListeners): Promise<Result<AnswerOutcome>>;
}
