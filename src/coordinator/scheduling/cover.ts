/** A shard that could serve now, with what is known about its node. Layers are inclusive. */
export interface CoverCandidate {
  readonly nodeId: string;
  readonly layerStart: number;
  readonly layerEnd: number;
  /** Shards of different manifests never share a pipeline; null is a foreign shard, which joins only its like. */
  readonly manifestHash: string | null;
  /** 0.5..1 */
  readonly reliability: number;
  /** Hardware multiplier, above 0. */
  readonly multiplier: number;
  /** Requests the node serves right now. */
  readonly activeRequests: number;
  /** 0..1, higher is greener; breaks ties. */
  readonly gridPriority: number;
  /** The node got less than its minimum share of the work lately. */
  readonly starved: boolean;
}

/**
 * Cost of a pipeline, compared field by field: fewest hops; then most nodes that are due their minimum share; then least
 * expected time, where a layer takes 1 / (reliability × multiplier) and a busy node divides itself; then greenest grid.
 */
export interface CoverCost {
  readonly hops: number;
  readonly notStarved: number;
  readonly time: number;
  readonly gridPenalty: number;
}

/** Differences below this are rounding of sums, not preferences. */
const TOLERANCE = 1e-9;

/** What one shard adds to the cost of a pipeline. */
export function shardCost(shard: CoverCandidate): CoverCost {
  const layers = shard.layerEnd - shard.layerStart + 1;
  const speed = Math.max(shard.reliability * shard.multiplier, Number.EPSILON);
  return {
    hops: 1,
    notStarved: shard.starved ? 0 : 1,
    time: (layers * (1 + shard.activeRequests)) / speed,
    gridPenalty: 1 - shard.gridPriority,
  };
}

export function addCosts(left: CoverCost, right: CoverCost): CoverCost {
  return {
    hops: left.hops + right.hops,
    notStarved: left.notStarved + right.notStarved,
    time: left.time + right.time,
    gridPenalty: left.gridPenalty + right.gridPenalty,
  };
}

/** Negative when `left` is better. */
export function compareCosts(left: CoverCost, right: CoverCost): number {
  for (const key of ['hops', 'notStarved', 'time', 'gridPenalty'] as const) {
    const difference = left[key] - right[key];
    if (Math.abs(difference) > TOLERANCE * Math.max(1, Math.abs(left[key]))) return difference;
  }
  return 0;
}

interface Tail {
  readonly cost: CoverCost;
  readonly shards: readonly CoverCandidate[];
}

function groupBy<Key>(
  candidates: readonly CoverCandidate[],
  keyOf: (candidate: CoverCandidate) => Key,
): Map<Key, CoverCandidate[]> {
  const groups = new Map<Key, CoverCandidate[]>();
  for (const candidate of candidates) {
    const group = groups.get(keyOf(candidate));
    if (group === undefined) groups.set(keyOf(candidate), [candidate]);
    else group.push(candidate);
  }
  return groups;
}

/**
 * The best exact tiling of layers 0 to `totalLayers − 1` by shards of one manifest, or null. A shard's graph runs
 * exactly its own layers, so neighbours must meet without gap or overlap.
 */
export function chooseCover(
  candidates: readonly CoverCandidate[],
  totalLayers: number,
): readonly CoverCandidate[] | null {
  const byManifest = groupBy(candidates, (candidate) => candidate.manifestHash);
  let best: Tail | null = null;
  for (const group of byManifest.values()) {
    const tiling = bestTiling(group, totalLayers);
    if (tiling !== null && (best === null || compareCosts(tiling.cost, best.cost) < 0)) best = tiling;
  }
  return best === null ? null : best.shards;
}

/** Shortest path over layer borders, from the last layer back to the first. */
function bestTiling(candidates: readonly CoverCandidate[], totalLayers: number): Tail | null {
  const byStart = groupBy(candidates, (candidate) => candidate.layerStart);
  const tails: (Tail | undefined)[] = [];
  tails[totalLayers] = { cost: { hops: 0, notStarved: 0, time: 0, gridPenalty: 0 }, shards: [] };
  for (let start = totalLayers - 1; start >= 0; start -= 1) {
    for (const shard of byStart.get(start) ?? []) {
      const tail = shard.layerEnd >= start ? tails[shard.layerEnd + 1] : undefined;
      if (tail === undefined) continue;
      const cost = addCosts(shardCost(shard), tail.cost);
      const known = tails[start];
      if (known === undefined || compareCosts(cost, known.cost) < 0) {
        tails[start] = { cost, shards: [shard, ...tail.shards] };
      }
    }
  }
  return tails[0] ?? null;
}
