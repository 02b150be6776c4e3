import type { GenerateListener } from '../pipeline/generate-service';
import type { NodeConnection } from './node-connection';

/** Tells a requester over its connection how its answer grows. */
export function messagesOf(requestId: string, connection: Pick<NodeConnection, 'send'>): GenerateListener {
  return {
    started: async (pipeline, inputTokens, isResumed) => {
      await connection.send({
        type: 'generate-started',
        request_id: requestId,
        pipeline: [...pipeline],
        input_tokens: inputTokens,
        ...(isResumed === true ? { resumed: true } : {}),
      });
    },
    token: async (index, tokenId, text, logprobs) => {
      const token = { index, token_id: tokenId, text, ...(logprobs === undefined ? {} : { logprobs }) };
      await connection.send({ type: 'generate-token', request_id: requestId, ...token });
    },
    queued: (place) => void connection.send({ type: 'generate-queued', request_id: requestId, ...place }),
    waiting: (layersMissing, seconds) =>
      void connection.send({
        type: 'generate-waiting',
        request_id: requestId,
        layers_missing: [...layersMissing],
        seconds,
      }),
  };
}
