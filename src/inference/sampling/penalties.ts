import type { Sampling } from '../../protocol/compute/model';
import { floorOf, largestOf, peaksOf } from './token-ranking';

/** The parts of `Sampling` that make tokens less likely because they occurred. */
export type PenaltyRules = Pick<Sampling, 'repetition_penalty' | 'frequency_penalty' | 'presence_penalty'>;

/**
 * Logits with the penalties of tokens that occurred: first the repetition penalty (Keskar et al. 2019), then frequency
 * and presence, as text-generation servers in common use do.
 *
 * @param occurrences - how often each token occurred, at least once
 * @returns the same array where nothing changes, else a copy
 */
export function penalize(
  logits: Float32Array,
  rules: PenaltyRules,
  occurrences: ReadonlyMap<number, number>,
): Float32Array {
  const {
    repetition_penalty: repetition = 1,
    frequency_penalty: frequency = 0,
    presence_penalty: presence = 0,
  } = rules;
  if (occurrences.size === 0 || (repetition === 1 && frequency === 0 && presence === 0)) return logits;
  const changed = logits.slice();
  for (const [id, count] of occurrences) {
    const logit = logits[id];
    if (logit === undefined) continue;
    const repeated = logit > 0 ? logit / repetition : logit * repetition;
    changed[id] = repeated - frequency * count - presence;
  }
  return changed;
}

/**
 * Natural logarithms of the softmax of logits.
 *
 * @returns that of `tokenId` and those of the `count` likeliest tokens, likeliest first, ids ascending among equals
 */
export function logProbabilities(
  logits: Float32Array,
  tokenId: number,
  count: number,
): { own: number; top: { tokenId: number; logProbability: number }[] } {
  const { length } = logits;
  const peaks = peaksOf(logits);
  const largest = largestOf(peaks);
  let sum = 0;
  for (let id = 0; id < length; id++) sum += Math.exp((logits[id] ?? 0) - largest);
  const total = largest + Math.log(sum);
  const best: { tokenId: number; logit: number }[] = [];
  // Nothing below it is among the best.
  let least = count === 0 ? Number.POSITIVE_INFINITY : floorOf(peaks, count);
  for (let id = 0; id < length; id++) {
    const logit = logits[id] ?? 0;
    if (best.length >= count ? logit <= least : logit < least) continue;
    const place = best.findIndex((entry) => logit > entry.logit);
    best.splice(place < 0 ? best.length : place, 0, { tokenId: id, logit });
    if (best.length > count) best.pop();
    if (best.length === count) least = best.at(-1)?.logit ?? least;
  }
  const top = best.map((entry) => ({ tokenId: entry.tokenId, logProbability: entry.logit - total }));
  return { own: (logits[tokenId] ?? Number.NEGATIVE_INFINITY) - total, top };
}
