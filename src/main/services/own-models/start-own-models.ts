import { success } from '../../../protocol/result';
import { mainFailure } from '../../errors';
import type { AnswerSource } from '../chat/answer-source';
import type { SecretVault } from '../secret-vault';
import type { Timers } from '../timers';
import { askOwnModel } from './ask-own-model';
import { OwnModelsService } from './own-models-service';

export interface OpenOwnModelsOptions {
  /** The model of the network that is offered without any set-up. */
  readonly networkModelId: () => string;
  readonly contextLengthOf: (modelId: string) => number | null;
  readonly addNotice: (text: string) => void;
  readonly timers: Timers;
}

/** Opens the list of own models; a damaged one is kept aside and said. */
export async function openOwnModels(
  path: string,
  vault: SecretVault,
  { networkModelId, contextLengthOf, addNotice, timers }: OpenOwnModelsOptions,
): Promise<OwnModelsService> {
  const network = () => ({ modelId: networkModelId(), contextLength: contextLengthOf(networkModelId()) });
  const { service, notice } = await OwnModelsService.open(path, vault, network, timers.now());
  if (notice !== null) addNotice(notice);
  return service;
}

/**
 * Own models as a source of Chat, beside the network. What they cost is between a provider and its customer, so an answer
 * of theirs carries no cost.
 */
export function ownModelAnswerSource(
  models: Pick<OwnModelsService, 'findForChat' | 'isForChat' | 'key'>,
  timers: Pick<Timers, 'now'>,
  fetchFunction?: typeof fetch,
): AnswerSource {
  return {
    has: (modelId) => models.isForChat(modelId),
    contextLengthOf: (modelId) => models.findForChat(modelId)?.contextLength ?? null,
    async generate(request, listeners) {
      const model = models.findForChat(request.modelId);
      if (model === null) {
        return mainFailure('model-invalid', 'This model of yours is not set up any more.', {
          suggestion: 'Choose another one above the conversation, or add it again.',
        });
      }
      const startedAtMs = timers.now();
      listeners.onStarted({ hops: [], inputTokens: 0 });
      const { messages, maxNewTokens, temperature } = request;
      const answer = await askOwnModel(
        models,
        model,
        { messages, maxNewTokens, temperature },
        listeners,
        fetchFunction,
      );
      if (!answer.ok) return answer;
      const { text, inputTokens, outputTokens, finishReason } = answer.value;
      const durationMs = timers.now() - startedAtMs;
      return success({ text, finishReason, hops: [], inputTokens, outputTokens, durationMs, settledCost: null });
    },
  };
}
