import type { AnswerHop, ServingCoordinator } from '../../../contract/chat';
import type { AnsweredBy } from '../../../contract/settings';
import type { FederatedAnswer } from '../../../protocol/compute/http/federated-answer';
import type { PipelineHop } from '../../../protocol/wire/messages';
import { toMicroGft } from '../../../protocol/compute/micro-gft';
import { success } from '../../../protocol/result';
import type { ContributorPort } from '../node-service';
import type { AnswerSource } from './answer-source';

function servingOf(answer: FederatedAnswer): ServingCoordinator {
  const { coordinator: name, amount, unit, peer_ledger_ref: peerRef } = answer;
  return { name, amount, unit, peerRef };
}

/** What the wire calls those who answer. */
const BACKENDS: Readonly<Record<AnsweredBy, 'distributed' | 'fallback' | undefined>> = {
  automatic: undefined,
  nodes: 'distributed',
  fallback: 'fallback',
};

/** Answers through the node's connection to its coordinator. */
export function nodeAnswerSource(
  node: Pick<ContributorPort, 'generate' | 'snapshot'>,
  contextLengthOf: (modelId: string) => number | null,
): AnswerSource {
  const hopsOf = (pipeline: readonly PipelineHop[]): readonly AnswerHop[] => {
    const own = node.snapshot().nodeId;
    return pipeline.map((hop) => ({
      nodeId: hop.node_id,
      layerStart: hop.layer_start,
      layerEnd: hop.layer_end,
      transport: hop.transport,
      isThisComputer: hop.node_id === own,
    }));
  };
  return {
    // Which models there are is the coordinator's to say, at the moment of the question.
    has: () => true,
    contextLengthOf,
    async generate(request, listeners) {
      const result = await node.generate(
        {
          requestId: request.requestId,
          modelId: request.modelId,
          messages: request.messages,
          maxNewTokens: request.maxNewTokens,
          sampling: {
            temperature: request.temperature,
            top_k: request.topK,
            top_p: request.topP,
            ...(request.seed === null ? {} : { seed: request.seed }),
          },
          backend: BACKENDS[request.answeredBy],
        },
        {
          signal: listeners.signal,
          onStarted: ({ pipeline, inputTokens, isResumed }) => {
            if (isResumed !== true) listeners.onAnew();
            listeners.onStarted({ hops: hopsOf(pipeline), inputTokens });
          },
          onToken: ({ text }) => listeners.onText(text),
          onQueued: ({ position }) => listeners.onQueued(position),
          onWaiting: (waiting) => listeners.onPaused(waiting),
        },
      );
      if (!result.ok) return result;
      const outcome = result.value;
      const { ledger_ref: ledgerRef, confirmed_at: confirmedAt } = outcome;
      // A baseline coordinator writes an empty reference when nothing was paid.
      const settled = ledgerRef !== null && ledgerRef !== '' && confirmedAt !== null;
      return success({
        text: outcome.text,
        finishReason: outcome.finish_reason,
        hops: hopsOf(outcome.pipeline),
        ...(outcome.backend === 'fallback' ? { isFallback: true } : {}),
        inputTokens: outcome.input_tokens,
        outputTokens: outcome.tokens,
        durationMs: outcome.latency_ms,
        settledCost: settled ? { microGft: toMicroGft(outcome.gft_deducted), ledgerRef, confirmedAt } : null,
        ...(outcome.federation === undefined ? {} : { servedBy: servingOf(outcome.federation) }),
      });
    },
  };
}
