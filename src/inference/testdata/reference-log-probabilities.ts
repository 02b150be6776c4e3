import { readModelFolder } from '../models/model-folder';
import { referenceLogits } from './reference-decoder';
import { expectValue, TORE_TINY } from './tore-tiny';

/** Log-softmax in float64, straight from its definition. */
export function logSoftmax(logits: ArrayLike<number>): Float64Array {
  const values = Float64Array.from(logits);
  const largest = values.reduce((a, b) => Math.max(a, b));
  const total = values.reduce((sum, value) => sum + Math.exp(value - largest), 0);
  return values.map((value) => value - largest - Math.log(total));
}

/** Ids of a row's largest values, largest first, ids ascending among equals. */
export function largestIds(row: Float64Array, count: number): number[] {
  return [...row.keys()].sort((a, b) => (row[b] ?? 0) - (row[a] ?? 0) || a - b).slice(0, count);
}

/**
 * For tests: what the shipped model says of each token of an answer, by the float64 reference decoder and nothing of the
 * engine.
 *
 * @returns for each token of `answer` the log-probabilities of the whole vocabulary in its place
 */
export async function referenceLogProbabilities(
  prompt: readonly number[],
  answer: readonly number[],
): Promise<Float64Array[]> {
  const { config, weights } = expectValue(await readModelFolder(TORE_TINY));
  const tensors = new Map<string, Float32Array>();
  for (const name of weights.tensors.keys()) {
    const blocks: number[] = [];
    for await (const block of weights.stream(name)) for (const value of block) blocks.push(value);
    tensors.set(name, Float32Array.from(blocks));
  }
  const logits = referenceLogits(config, tensors, [...prompt, ...answer.slice(0, -1)]);
  return logits.slice(prompt.length - 1).map(logSoftmax);
}
