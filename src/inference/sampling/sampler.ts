import type { Sampling } from '../../protocol/compute/model';

/** The parts of `Sampling` that pick a token. */
export type SamplingRules = Pick<Sampling, 'temperature' | 'top_k' | 'top_p' | 'min_p'>;

/** The largest logit's token; of equal ones the lowest id, so that greedy text is the same everywhere. */
export function pickGreedy(logits: Float32Array): number {
  let best = 0;
  let bestLogit = Number.NEGATIVE_INFINITY;
  for (const [id, logit] of logits.entries()) {
    if (logit > bestLogit) {
      best = id;
      bestLogit = logit;
    }
  }
  return best;
}

/** A token and its probability. */
export interface Candidate {
  readonly id: number;
  readonly probability: number;
}

/**
 * The tokens that may be picked and their probabilities, most likely first, ids ascending among equals: softmax of
 * logits / temperature, cut to the `top_k` most likely, then to the shortest beginning whose share reaches `top_p`
 * (Holtzman et al. 2020), then to those of at least `min_p` times the likeliest one's probability (Nguyen et al. 2024),
 * then scaled to a sum of 1. The order of the steps is that of Hugging Face transformers.
 *
 * @param rules - temperature above 0
 */
export function candidates(logits: Float32Array, rules: SamplingRules): Candidate[] {
  const weights = softmaxWeights(logits, rules.temperature);
  const limit = rules.top_k === 0 ? logits.length : Math.min(rules.top_k, logits.length);
  let ids = limit < logits.length ? mostLikely(weights, limit) : undefined;
  if (ids === undefined && rules.top_p < 1) {
    // Tokens so rare that all of them together stay below 1 − top_p cannot belong: sorting the rest is far cheaper.
    const floor = ((1 - rules.top_p) * sum(weights)) / logits.length;
    ids = [...weights.keys()].filter((id) => (weights[id] ?? 0) >= floor);
  }
  ids ??= [...weights.keys()];
  const weightOf = (id: number): number => weights[id] ?? 0;
  ids.sort((a, b) => weightOf(b) - weightOf(a) || a - b);
  const total = limit < logits.length ? ids.reduce((subtotal, id) => subtotal + weightOf(id), 0) : sum(weights);
  // The likeliest token has weight 1.
  const least = rules.min_p ?? 0;
  const kept: number[] = [];
  let share = 0;
  for (const id of ids) {
    if (weightOf(id) < least) break;
    kept.push(id);
    share += weightOf(id);
    if (rules.top_p < 1 && share >= rules.top_p * total) break;
  }
  return kept.map((id) => ({ id, probability: weightOf(id) / share }));
}

/**
 * Picks a token.
 *
 * @param uniform - a random number in [0, 1); not used when the temperature is 0
 */
export function pickToken(logits: Float32Array, rules: SamplingRules, uniform: number): number {
  if (rules.temperature === 0) return pickGreedy(logits);
  const list = candidates(logits, rules);
  let reached = 0;
  for (const { id, probability } of list) {
    reached += probability;
    if (uniform < reached) return id;
  }
  // Rounding may leave the sum a hair below 1.
  return list.at(-1)?.id ?? pickGreedy(logits);
}

/** exp((logit − largest) / temperature): the most likely token has weight 1, so nothing overflows. */
function softmaxWeights(logits: Float32Array, temperature: number): Float64Array {
  let largest = Number.NEGATIVE_INFINITY;
  for (const logit of logits) largest = Math.max(largest, logit);
  return Float64Array.from(logits, (logit) => Math.exp((logit - largest) / temperature));
}

function sum(values: Float64Array): number {
  let total = 0;
  for (const value of values) total += value;
  return total;
}

/** Ids of the `count` largest weights, lower ids first among equals at the border; in no order. */
function mostLikely(weights: Float64Array, count: number): number[] {
  const border = Float64Array.from(weights).sort()[weights.length - count] ?? 0;
  const above: number[] = [];
  const equal: number[] = [];
  for (const [id, weight] of weights.entries()) {
    if (weight > border) above.push(id);
    else if (weight === border) equal.push(id);
  }
  return [...above, ...equal.slice(0, count - above.length)];
}
