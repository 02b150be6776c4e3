import { createHash } from 'node:crypto';
import type { ForwardInput } from '../engine/engine';

/** Passes of one proof: a prefill, then single positions, so that the KV cache takes part as in real work. */
export const PROOF_STEPS = [8, 1, 1, 1] as const;

/**
 * Spread of random hidden states. Small beside what layers add, so that the output is the layers' work and hardly the
 * input itself; large beside the epsilon of the norms.
 */
const HIDDEN_SPREAD = 0.1;
const WORDS_PER_BLOCK = 8;

/** Uniform numbers of 32 bits from a seed: SHA-256 of the seed and a counter, the same on every platform. */
function* words(seed: string): Generator<number, never> {
  for (let block = 0; ; block += 1) {
    const digest = createHash('sha256').update(`${seed}:${block}`).digest();
    for (let word = 0; word < WORDS_PER_BLOCK; word += 1) yield digest.readUInt32LE(word * 4);
  }
}

/** The inputs of a proof's passes for a shard. The numbers are exact in 32-bit floats, so every node runs the same. */
export function proofInputs(
  seed: string,
  shard: { readonly takesTokens: boolean; readonly vocabularySize: number; readonly hiddenSize: number },
): ForwardInput[] {
  const source = words(seed);
  const next = (): number => source.next().value;
  return PROOF_STEPS.map((positions): ForwardInput => {
    if (shard.takesTokens) {
      return { inputIds: Array.from({ length: positions }, () => next() % shard.vocabularySize) };
    }
    const activation = new Float32Array(positions * shard.hiddenSize);
    for (let index = 0; index < activation.length; index += 1) {
      // The sum of four uniform numbers is near enough to a normal one, and exact.
      const sum = (next() + next() + next() + next()) / 2 ** 32 - 2;
      activation[index] = sum * HIDDEN_SPREAD;
    }
    return { activation, positions };
  });
}
