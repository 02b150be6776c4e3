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
  calls.registerCall('chat:retry', ({ conversationId }) => chat.retry(conversationId));
  calls.registerCall('chat:delete', ({ conversationId }) => chat.remove(conversationId));
}
