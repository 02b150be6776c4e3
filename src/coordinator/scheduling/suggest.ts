import type { Precision } from '../../protocol/compute/formulas';
import type { LayerRange, ModelManifest } from '../../protocol/compute/model';
import { weightBytes } from '../../protocol/compute/weight-bytes';
import { layerStrengths, type HeldRange } from './coverage';

/** Scratch memory and fragments beside the weights, as a share of them. */
const WORKING_MEMORY_FACTOR = 1.2;
/** Positions a node is expected to keep room for; longer contexts are the node's own choice. */
const CACHED_POSITIONS = 4_096;
/** Keys and values are kept in 32-bit floats beside exact weights, else in half floats. */
const CACHE_BYTES_PER_VALUE = (precision: Precision): number => (precision === 'fp32' ? 4 : 2);

/**
 * Tells the bytes a node needs to serve a range: its weights with working memory, and the KV cache of one sequence.
 * What every range shares is prepared once, because the search below asks for every range of the model.
 */
export function memoryOfRanges(
  manifest: ModelManifest,
  precision: Precision = 'fp32',
): (layerStart: number, layerEnd: number) => number {
  const { shape } = manifest;
  const { layers, embedding, head } = weightBytes(manifest, precision);
  const bytesBefore = [0];
  for (const bytes of layers) bytesBefore.push((bytesBefore.at(-1) ?? 0) + bytes);
  const cachePositions = Math.min(shape.context_length, CACHED_POSITIONS);
  const cachePerLayer = 2 * shape.key_value_heads * shape.head_size * CACHE_BYTES_PER_VALUE(precision) * cachePositions;
  return (layerStart, layerEnd) => {
    let weights = (bytesBefore[layerEnd + 1] ?? 0) - (bytesBefore[layerStart] ?? 0);
    if (layerStart === 0) weights += embedding;
    if (layerEnd === manifest.total_layers - 1) weights += head;
    return weights * WORKING_MEMORY_FACTOR + cachePerLayer * (layerEnd - layerStart + 1);
  };
}

/** Bytes a node needs to serve a range. */
export function memoryRequiredBytes(manifest: ModelManifest, range: LayerRange, precision: Precision = 'fp32'): number {
  return memoryOfRanges(manifest, precision)(range.layer_start, range.layer_end);
}

/** Layers within a tenth of the weakest throughput count as weakest too. */
const AS_WEAK = 1.1;

/** How good a range would be for the cooperative; compared field by field, larger first. */
type Score = readonly number[];

function isBetter(score: Score, best: Score): boolean {
  for (const [index, value] of score.entries()) {
    const other = best[index] ?? -Infinity;
    if (value !== other) return value > other;
  }
  return false;
}

/** Borders that shards reach without gap from layer 0 (`fromStart`) and from which they reach the end (`toEnd`). */
export function joinableBorders(
  ranges: readonly HeldRange[],
  totalLayers: number,
): { readonly fromStart: readonly boolean[]; readonly toEnd: readonly boolean[] } {
  const fromStart = Array.from<boolean>({ length: totalLayers + 1 }).fill(false);
  const toEnd = Array.from<boolean>({ length: totalLayers + 1 }).fill(false);
  fromStart[0] = true;
  toEnd[totalLayers] = true;
  const ascending = [...ranges].sort((left, right) => left.layerStart - right.layerStart);
  for (const range of ascending) if (fromStart[range.layerStart] === true) fromStart[range.layerEnd + 1] = true;
  const descending = [...ranges].sort((left, right) => right.layerEnd - left.layerEnd);
  for (const range of descending) if (toEnd[range.layerEnd + 1] === true) toEnd[range.layerStart] = true;
  return { fromStart, toEnd };
}

/**
 * The range a new node should hold, within `memoryBytes`:
 * - no complete pipeline yet: the smallest range that completes one; else the one that fills most missing layers,
 *   beginning or ending where held layers end, so that the next node can go on from it;
 * - a complete pipeline: the range that joins and strengthens most of the weakest layers.
 *
 * @param ranges - online shards that a new one could join, held in the precision it would be held in
 * @returns null when not even one layer fits
 */
export function suggestRange(
  manifest: ModelManifest,
  ranges: readonly HeldRange[],
  memoryBytes: number,
  precision: Precision = 'fp32',
): LayerRange | null {
  const totalLayers = manifest.total_layers;
  const strengths = layerStrengths(ranges, totalLayers);
  const weakest = Math.min(...strengths);
  const { fromStart, toEnd } = joinableBorders(ranges, totalLayers);
  const memoryOf = memoryOfRanges(manifest, precision);
  const hasPipeline = fromStart[totalLayers] === true;
  let best: { readonly range: LayerRange; readonly score: Score } | null = null;
  for (let start = 0; start < totalLayers; start += 1) {
    let weak = 0;
    for (let end = start; end < totalLayers; end += 1) {
      // Memory grows with the range, so the first end that does not fit ends this start.
      if (memoryOf(start, end) > memoryBytes) break;
      const layers = end - start + 1;
      if ((strengths[end] ?? 0) <= weakest * AS_WEAK) weak += 1;
      const joinsStart = fromStart[start] === true;
      const joinsEnd = toEnd[end + 1] === true;
      const completes = joinsStart && joinsEnd;
      const score: Score = hasPipeline
        ? [completes ? 1 : 0, weak, -layers, -start]
        : completes
          ? [1, -layers, 0, -start]
          : [0, weakest === 0 ? weak : layers, (joinsStart ? 1 : 0) + (joinsEnd ? 1 : 0), -layers, -start];
      if (best === null || isBetter(score, best.score)) best = { range: { layer_start: start, layer_end: end }, score };
    }
  }
  return best === null ? null : best.range;
}
