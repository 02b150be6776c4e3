/** Layers of an online shard, inclusive, and the manifest it was cut from. */
export interface HeldRange {
  readonly layerStart: number;
  readonly layerEnd: number;
  readonly manifestHash: string | null;
  /** Work it does in a time, in any one unit; 1 where it is not known. */
  readonly throughput?: number;
}

/** Which layers of a model are held, and whether they make a pipeline. */
export interface CoverageReport {
  readonly available: boolean;
  readonly layersCovered: number;
  /** All of them, ascending. */
  readonly layersMissing: readonly number[];
  /** Why a request could or could not be served now, in plain words. */
  readonly reason: string;
}

/** How many shards hold each layer, index = layer. */
export function holdersPerLayer(ranges: readonly HeldRange[], totalLayers: number): number[] {
  const holders = Array.from<number>({ length: totalLayers }).fill(0);
  for (const range of ranges) {
    for (let layer = Math.max(0, range.layerStart); layer <= Math.min(totalLayers - 1, range.layerEnd); layer += 1) {
      holders[layer] = (holders[layer] ?? 0) + 1;
    }
  }
  return holders;
}

/** Throughput of each layer: the sum over its holders, 0 for a missing one. Index = layer. */
export function layerStrengths(ranges: readonly HeldRange[], totalLayers: number): number[] {
  const strengths = Array.from<number>({ length: totalLayers }).fill(0);
  for (const { layerStart, layerEnd, throughput = 1 } of ranges) {
    for (let layer = Math.max(0, layerStart); layer <= Math.min(totalLayers - 1, layerEnd); layer += 1) {
      strengths[layer] = (strengths[layer] ?? 0) + throughput;
    }
  }
  return strengths;
}

/** `0-3, 6` for [0, 1, 2, 3, 6]. */
export function describeLayers(layers: readonly number[]): string {
  const runs: { first: number; last: number }[] = [];
  for (const layer of layers) {
    const run = runs.at(-1);
    if (run !== undefined && layer === run.last + 1) run.last = layer;
    else runs.push({ first: layer, last: layer });
  }
  return runs.map((run) => (run.first === run.last ? `${run.first}` : `${run.first}-${run.last}`)).join(', ');
}

/**
 * Reports coverage of one model.
 * @param hasTiling - whether shards of one manifest join exactly from the first layer to the last
 */
export function reportCoverage(ranges: readonly HeldRange[], totalLayers: number, hasTiling: boolean): CoverageReport {
  const holders = holdersPerLayer(ranges, totalLayers);
  const layersMissing = holders.flatMap((count, layer) => (count === 0 ? [layer] : []));
  const layersCovered = totalLayers - layersMissing.length;
  if (hasTiling) {
    return { available: true, layersCovered, layersMissing, reason: 'Every layer is online and the shards join.' };
  }
  const report = { available: false, layersCovered, layersMissing };
  if (ranges.length === 0) return { ...report, reason: 'No node that holds layers of this model is online.' };
  if (layersMissing.length > 0) {
    const plural = layersMissing.length === 1 ? 'Layer' : 'Layers';
    const verb = layersMissing.length === 1 ? 'is' : 'are';
    return { ...report, reason: `${plural} ${describeLayers(layersMissing)} of ${totalLayers} ${verb} missing.` };
  }
  const manifests = new Set(ranges.map((range) => range.manifestHash)).size;
  const cause = manifests > 1 ? ': they overlap, or were cut from different versions of the model' : ' exactly';
  return { ...report, reason: `Every layer is online, but the held layers do not join${cause}.` };
}
