const MASK = (1n << 64n) - 1n;
const GAMMA = 0x9e3779b97f4a7c15n;

/**
 * The number SplitMix64 gives at a place of its sequence, without running through the places before it: its state is
 * the seed plus a multiple of a constant. That makes a retried token draw what it drew the first time.
 *
 * Source: Steele, Lea, Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014; constants as in Sebastiano
 * Vigna's public-domain splitmix64.c.
 *
 * @param index - counted from 0
 * @returns 64 random bits
 */
export function splitMix64(seed: bigint, index: number): bigint {
  let bits = (seed + GAMMA * BigInt(index + 1)) & MASK;
  bits = ((bits ^ (bits >> 30n)) * 0xbf58476d1ce4e5b9n) & MASK;
  bits = ((bits ^ (bits >> 27n)) * 0x94d049bb133111ebn) & MASK;
  return bits ^ (bits >> 31n);
}

/** A number in [0, 1) with the 53 bits a double holds, drawn from a place of the sequence of `seed`. */
export function drawUniform(seed: number, index: number): number {
  return Number(splitMix64(BigInt(seed), index) >> 11n) / 2 ** 53;
}
