import type { ChatService } from '../../services/chat/chat-service';
import type { CostEstimator } from '../../services/chat/cost-estimator';
import type { CallRegistry } from '../call-registry';

export interface ChatCallDependencies {
  readonly chat: ChatService;
  readonly estimator: CostEstimator;
}

export function registerChatCalls(calls: CallRegistry, { chat, estimator }: ChatCallDependencies): void {
  calls.registerCall('chat:get', ({ conversationId }) => chat.view(conversationId));
  calls.registerCall('chat:estimate', ({ conversationId, modelId, text }) =>
    estimator.estimate(conversationId, modelId, text),
  );
  calls.registerCall('chat:send', ({ conversationId, modelId, text }) => chat.send(conversationId, modelId, text));
  calls.registerCall('chat:stop', ({ conversationId }) => chat.stop(conversationId));
  calls.registerCall('chat:retry', ({ conversationId, modelId }) => chat.retry(conversationId, modelId));
  calls.registerCall('chat:edit', ({ conversationId, messageId, modelId, text }) =>
    chat.edit(conversationId, messageId, modelId, text),
  );
  calls.registerCall('chat:show-branch', ({ conversationId, messageId }) => chat.showBranch(conversationId, messageId));
  calls.registerCall('chat:delete', ({ conversationId }) => chat.remove(conversationId));
}
