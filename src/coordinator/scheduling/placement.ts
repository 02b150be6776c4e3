import type { LayerRange, ModelManifest } from '../../protocol/compute/model';
import { layerStrengths, type HeldRange } from './coverage';
import { joinableBorders, memoryOfRanges } from './suggest';

/** Held layers with who holds them. */
export interface PlacedRange extends HeldRange {
  readonly nodeId: string;
}

/** Layers a node should hold instead of its own, and what that changes. */
export interface PlacementMove {
  readonly range: LayerRange;
  /** Throughput of the weakest layer after the move, relative to before; infinite where a missing layer is filled. */
  readonly gain: number;
}

/**
 * A move is proposed only when the weakest layer gets this much stronger: cutting and loading a shard takes minutes in
 * which the node serves nobody, and nodes that move for little would follow each other round.
 */
export const CLEAR_GAIN = 1.25;

/** Whether shards join without gap from the first layer to the last. */
function hasPipeline(ranges: readonly HeldRange[], totalLayers: number): boolean {
  return joinableBorders(ranges, totalLayers).fromStart[totalLayers] === true;
}

/** Of the layers in front of each border: the weakest throughput and how many are missing. Index = border. */
function runningWeakest(strengths: readonly number[]): { readonly weakest: number; readonly missing: number }[] {
  let at = { weakest: Infinity, missing: 0 };
  return [
    at,
    ...strengths.map((strength) => {
      at = { weakest: Math.min(at.weakest, strength), missing: at.missing + (strength === 0 ? 1 : 0) };
      return at;
    }),
  ];
}

/**
 * Where a node that serves already would help clearly more, or null. A pure function.
 *
 * - It leaves no gap: every layer it holds is held by somebody else, and where there is a pipeline with it, there is one
 *   after the move, even while the node is loading and serves nothing.
 * - It needs no more memory than what it holds now.
 * - The weakest layer's throughput grows by `CLEAR_GAIN`; where layers are missing, they become fewer.
 *
 * @param ranges - every online shard that can join, the node's own among them
 */
export function proposeMove(
  manifest: ModelManifest,
  ranges: readonly PlacedRange[],
  nodeId: string,
): PlacementMove | null {
  const own = ranges.find((range) => range.nodeId === nodeId);
  if (own === undefined) return null;
  const totalLayers = manifest.total_layers;
  const others = ranges.filter((range) => range !== own);
  const without = layerStrengths(others, totalLayers);
  for (let layer = own.layerStart; layer <= own.layerEnd; layer += 1) if (without[layer] === 0) return null;
  const had = hasPipeline(ranges, totalLayers);
  if (had && !hasPipeline(others, totalLayers)) return null;
  const strengths = layerStrengths(ranges, totalLayers);
  const weakestBefore = Math.min(...strengths);
  const missingBefore = strengths.filter((strength) => strength === 0).length;
  const memoryOf = memoryOfRanges(manifest);
  const budget = memoryOf(own.layerStart, own.layerEnd);
  const { throughput = 1 } = own;
  // Weakest layer and missing ones in front of a border and behind it, so that each range is judged in one step.
  const front = runningWeakest(without);
  const back = runningWeakest(without.toReversed());
  const { fromStart, toEnd } = joinableBorders(others, totalLayers);
  let best: (PlacementMove & { readonly missing: number }) | null = null;
  for (let start = 0; start < totalLayers; start += 1) {
    let weakestInside = Infinity;
    for (let end = start; end < totalLayers; end += 1) {
      if (memoryOf(start, end) > budget) break;
      weakestInside = Math.min(weakestInside, (without[end] ?? 0) + throughput);
      // Layers that join nothing help nobody, where there is something to join.
      if (had && !(fromStart[start] === true && toEnd[end + 1] === true)) continue;
      const [before, behind] = [front[start], back[totalLayers - 1 - end]];
      const missing = (before?.missing ?? 0) + (behind?.missing ?? 0);
      const weakest = Math.min(before?.weakest ?? Infinity, weakestInside, behind?.weakest ?? Infinity);
      const gain = weakestBefore === 0 ? (missing < missingBefore ? Infinity : 0) : weakest / weakestBefore;
      if (gain < CLEAR_GAIN) continue;
      if (best === null || missing < best.missing || (missing === best.missing && gain > best.gain)) {
        best = { range: { layer_start: start, layer_end: end }, gain, missing };
      }
    }
  }
  return best === null ? null : { range: best.range, gain: best.gain };
}
