/** Two figures between which a score runs on a logarithmic scale: at or below `zero` it is 0, at or beyond `one` it is 1. */
interface ReferencePoints {
  readonly zero: number;
  readonly one: number;
}

/**
 * Where the scores of the hardware profile begin and end. Chosen so that, weighted as tore-0001 does (0.5, 0.3, 0.2),
 * processors without a graphics card stay below the tiers of consumer GPUs, and a current datacenter accelerator
 * (60,000 GFLOP/s in fp32, 3,000 GB/s) reaches the top. An 8-core laptop makes about 300 GFLOP/s and 40 GB/s.
 */
export const SCORE_REFERENCES = {
  /** GFLOP/s of matrix products in 32-bit floats. */
  matmul: { zero: 200, one: 60_000 },
  /** GB/s read and written. */
  memory: { zero: 20, one: 3_000 },
  /** Milliseconds per token of the reference transformer; fewer are better. */
  latency: { zero: 4, one: 0.25 },
} as const satisfies Record<string, ReferencePoints>;

/**
 * Score of a figure, on a logarithmic scale: doubling the speed adds the same anywhere.
 *
 * @param figure - above 0
 * @returns 0..1
 */
export function logarithmicScore(figure: number, { zero, one }: ReferencePoints): number {
  const score = Math.log(figure / zero) / Math.log(one / zero);
  return Number.isFinite(score) ? Math.min(1, Math.max(0, score)) : 0;
}
