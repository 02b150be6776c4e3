import { success } from '../../../protocol/result';
import type { ChatService } from '../../services/chat/chat-service';
import type { CostEstimator } from '../../services/chat/cost-estimator';
import type { OwnModelsService } from '../../services/own-models/own-models-service';
import type { CallRegistry } from '../call-registry';

export interface ChatCallDependencies {
  readonly chat: ChatService;
  readonly ownModels: Pick<OwnModelsService, 'findForChat'>;
  readonly estimator: CostEstimator;
}

export function registerChatCalls(calls: CallRegistry, { chat, ownModels, estimator }: ChatCallDependencies): void {
  calls.registerCall('chat:get', ({ conversationId }) => chat.view(conversationId));
  calls.registerCall('chat:estimate', async ({ conversationId, modelId, text }) => {
    const own = ownModels.findForChat(modelId);
    if (own === null) return estimator.estimate(conversationId, modelId, text);
    const inputTokensAtMost = await chat.inputTokensAtMost(conversationId, modelId, text);
    const nothing = { estimatedMicroGft: null, balanceMicroGft: null };
    return success({ payer: 'provider', modelId, inputTokensAtMost, maxNewTokens: own.maxNewTokens, ...nothing });
  });
  calls.registerCall('chat:send', ({ conversationId, modelId, text }) => chat.send(conversationId, modelId, text));
  calls.registerCall('chat:stop', ({ conversationId }) => chat.stop(conversationId));
  calls.registerCall('chat:retry', ({ conversationId, modelId }) => chat.retry(conversationId, modelId));
  calls.registerCall('chat:edit', ({ conversationId, messageId, modelId, text }) =>
    chat.edit(conversationId, messageId, modelId, text),
  );
  calls.registerCall('chat:show-branch', ({ conversationId, messageId }) => chat.showBranch(conversationId, messageId));
  calls.registerCall('chat:delete', ({ conversationId }) => chat.remove(conversationId));
}
