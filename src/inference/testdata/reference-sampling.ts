import type { SamplingRules } from '../sampling/sampler';

/** Tokens that may be picked, likeliest first, lower ids first among equals. */
export interface KeptTokens {
  readonly ids: readonly number[];
  /** Of all tokens, by id: the likeliest has 1. */
  readonly weights: Float64Array;
  /** Sum of the weights of the kept ones. */
  readonly share: number;
}

/** The definition of sampling, computed the long way: weigh all, sort all, cut. Temperature above 0. */
export function keptByDefinition(logits: Float32Array, rules: SamplingRules): KeptTokens {
  const { temperature, top_k: topK, top_p: topP, min_p: minP = 0 } = rules;
  const largest = logits.reduce((most, logit) => Math.max(most, logit), Number.NEGATIVE_INFINITY);
  const weights = Float64Array.from(logits, (logit) => Math.exp((logit - largest) / temperature));
  const sorted = [...weights.keys()].sort((a, b) => (logits[b] ?? 0) - (logits[a] ?? 0) || a - b);
  const counted = topK === 0 ? sorted : sorted.slice(0, topK);
  const total = counted.reduce((sum, id) => sum + (weights[id] ?? 0), 0);
  const ids: number[] = [];
  let share = 0;
  for (const id of counted) {
    const weight = weights[id] ?? 0;
    if (weight < minP) break;
    ids.push(id);
    share += weight;
    if (topP < 1 && share >= topP * total) break;
  }
  return { ids, weights, share };
}
