import type { Sampling } from '../../protocol/compute/model';
import { floorOf, largestOf, peaksOf, TokenRanking } from './token-ranking';

/** The parts of `Sampling` that pick a token. */
export type SamplingRules = Pick<Sampling, 'temperature' | 'top_k' | 'top_p' | 'min_p'>;

/** The largest logit's token; of equal ones the lowest id, so that greedy text is the same everywhere. */
export function pickGreedy(logits: Float32Array): number {
  const { length } = logits;
  let best = 0;
  let bestLogit = Number.NEGATIVE_INFINITY;
  for (let id = 0; id < length; id++) {
    const logit = logits[id] ?? 0;
    if (logit > bestLogit) {
      best = id;
      bestLogit = logit;
    }
  }
  return best;
}

/**
 * Picks a token: softmax of logits / temperature, cut to the `top_k` most likely, then to the shortest beginning whose
 * share reaches `top_p` (Holtzman et al. 2020), then to those of at least `min_p` times the likeliest one's probability
 * (Nguyen et al. 2024). The order of the cuts is that of Hugging Face transformers. Of what is left, likeliest first, that
 * token is picked within whose share of the whole the random number falls.
 *
 * @param uniform - a random number in [0, 1); not used when the temperature is 0
 */
export function pickToken(logits: Float32Array, rules: SamplingRules, uniform: number): number {
  const { temperature, top_k: topK, top_p: topP, min_p: minP = 0 } = rules;
  if (temperature === 0) return pickGreedy(logits);
  const isCounted = topK > 0 && topK < logits.length;
  const peaks = peaksOf(logits);
  const largest = largestOf(peaks);
  const floor = Math.max(
    isCounted ? floorOf(peaks, topK) : Number.NEGATIVE_INFINITY,
    // Only top_p, which keeps a share of all, asks for the weights of tokens that min_p cuts off. A little lower than the
    // cut itself, which is by weight.
    minP > 0 && topP === 1 ? largest + temperature * (Math.log(minP) - 0.001) : Number.NEGATIVE_INFINITY,
  );
  const ranking = new TokenRanking(logits, temperature, { largest, floor });
  let kept = isCounted ? ranking.first(topK) : ranking.all();
  if (topP < 1) {
    const enough = topP * kept.weight;
    kept = ranking.until(kept, (weight) => weight >= enough);
  }
  if (minP > 0) kept = ranking.atLeast(kept, minP);
  const target = uniform * kept.weight;
  const picked = ranking.until(kept, (weight) => weight > target);
  return ranking.lastOf(picked) ?? pickGreedy(logits);
}
