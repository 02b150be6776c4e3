import type { CostEstimate } from '../../../contract/chat';
import type { AnsweredBy } from '../../../contract/settings';
import { toMicroGft } from '../../../protocol/compute/micro-gft';
import { success, type Result } from '../../../protocol/result';
import { CostAnswer } from '../coordinator-answers';
import { readFromCoordinator, type CoordinatorSource } from '../coordinator-reader';

export interface CostEstimatorOptions {
  readonly source: CoordinatorSource;
  readonly maxNewTokens: () => number;
  /** Absent: whoever the coordinator finds. */
  readonly answeredBy?: () => AnsweredBy;
  readonly inputTokensAtMost: (conversationId: string | null, modelId: string, text: string) => Promise<number>;
}

/** Says before a question is sent what its answer may cost. */
export class CostEstimator {
  readonly #options: CostEstimatorOptions;

  constructor(options: CostEstimatorOptions) {
    this.#options = options;
  }

  async estimate(conversationId: string | null, modelId: string, text: string): Promise<Result<CostEstimate>> {
    const { source, maxNewTokens, answeredBy, inputTokensAtMost } = this.#options;
    const isFallback = answeredBy?.() === 'fallback';
    const { balanceMicroGft, coordinator } = source.snapshot();
    const estimate: CostEstimate = {
      payer: 'network',
      modelId,
      inputTokensAtMost: await inputTokensAtMost(conversationId, modelId, text),
      maxNewTokens: maxNewTokens(),
      estimatedMicroGft: null,
      ...(isFallback ? { isFallback } : {}),
      balanceMicroGft,
    };
    if (coordinator.tokenMode === false) return success(estimate);
    const query = new URLSearchParams({
      model_id: modelId,
      max_new_tokens: String(estimate.maxNewTokens),
      precision: 'fp32',
      // Its price is per token of prompt and answer.
      ...(isFallback ? { force_backend: 'fallback', input_tokens: String(estimate.inputTokensAtMost) } : {}),
    });
    const cost = await readFromCoordinator(source, `/inference/cost/estimate?${query.toString()}`, CostAnswer);
    return cost.ok ? success({ ...estimate, estimatedMicroGft: toMicroGft(cost.value.estimated_gft) }) : cost;
  }
}
