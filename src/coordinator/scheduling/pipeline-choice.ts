import { isAsExact, MINIMUM_ALLOCATION_SHARE, PRECISIONS, type Precision } from '../../protocol/compute/formulas';

/** A shard somebody holds, with what is known about its node at the moment of choosing. Layers are inclusive. */
export interface ShardCandidate {
  readonly nodeId: string;
  readonly layerStart: number;
  readonly layerEnd: number;
  /** Shards of different manifests never share a pipeline; null is a foreign shard, which joins only its like. */
  readonly manifestHash: string | null;
  /** How the weights are held; a pipeline has one precision. */
  readonly precision: Precision;
  /** Neither suspended nor outside the hours its owner gives. */
  readonly isActive: boolean;
  /** 0.5..1 */
  readonly reliability: number;
  /** Time one layer takes for one token when the node does nothing else: measured, or estimated from its hardware. */
  readonly layerMs: number;
  /** From the coordinator to the node and back. */
  readonly roundTripMs: number;
  /** Requests the node serves right now. */
  readonly activeRequests: number;
  /** 0..1, higher is greener. */
  readonly gridPriority: number;
  /** Requests it got lately. */
  readonly served: number;
}

/** What is to be served. */
export interface PipelineWish {
  /** Inclusive. */
  readonly firstLayer: number;
  readonly lastLayer: number;
  /** The least exact precision that is what was asked for. */
  readonly precision: Precision;
  readonly excluded: ReadonlySet<string>;
  /** Active nodes that got less than this lately are starved: they did not get their minimum share. */
  readonly starvedBelow: number;
}

/** The minimum share of the mean among nodes that compete, for `starvedBelow`. */
export function minimumShare(candidates: readonly Pick<ShardCandidate, 'isActive' | 'served'>[]): number {
  let active = 0;
  let served = 0;
  for (const candidate of candidates) {
    if (!candidate.isActive) continue;
    active += 1;
    served += candidate.served;
  }
  return active === 0 ? 0 : (MINIMUM_ALLOCATION_SHARE * served) / active;
}

/**
 * Cost of a pipeline, compared in this order:
 *
 * 1. precision: what is as exact as was asked for, then the next less exact one;
 * 2. a pipeline that gives a starved node its share, if there is one;
 * 3. expected time per token, in microseconds;
 * 4. the greener grid, which so decides only among pipelines of the same time;
 * 5. what served less lately, so that equals take turns; then fewer hops, then node ids.
 */
export interface PipelineCost {
  /** 0: as exact as was asked for; else how many steps less exact. */
  readonly inexactness: number;
  readonly servesStarved: boolean;
  /** Sum over the hops, each rounded to its class (`timeClass`). */
  readonly micros: number;
  /** Sum of 1 − grid priority, in thousandths. */
  readonly gridPenalty: number;
  readonly served: number;
}

export interface ChosenPipeline<Candidate extends ShardCandidate> {
  readonly shards: readonly Candidate[];
  readonly cost: PipelineCost;
}

/** Hops within a tenth of each other count as equally fast: measurements are no better than that. */
const CLASS_RATIO = 1.1;
const LOG_CLASS_RATIO = Math.log(CLASS_RATIO);
const MICROS_PER_MS = 1_000;
const MAX_MICROS = 1e12;

/** The class a duration belongs to, named by a whole number of microseconds, so that sums are exact and ties are real. */
export function timeClass(ms: number): number {
  const micros = Number.isFinite(ms) ? Math.min(MAX_MICROS, Math.max(1, ms * MICROS_PER_MS)) : MAX_MICROS;
  return Math.round(CLASS_RATIO ** Math.round(Math.log(micros) / LOG_CLASS_RATIO));
}

/**
 * Time a hop adds to a token: the way there and back, and its layers, which a busy node serves together with the requests
 * it has already. A node of reliability R fails one time in 1/(1 − R) and its work is done again, so everything takes
 * 1/R times as long on average.
 */
export function expectedHopMs(shard: ShardCandidate): number {
  const layers = shard.layerEnd - shard.layerStart + 1;
  const once = shard.roundTripMs + layers * shard.layerMs * (1 + shard.activeRequests);
  return once / Math.max(shard.reliability, Number.EPSILON);
}

/** A shard with what it adds to the cost. */
interface Rated<Candidate> {
  readonly shard: Candidate;
  readonly micros: number;
  readonly gridPenalty: number;
  readonly served: number;
}

/** A way from a layer border to the end. */
interface Tail<Candidate> {
  readonly shard: Candidate | null;
  readonly next: Tail<Candidate> | null;
  readonly micros: number;
  readonly gridPenalty: number;
  readonly served: number;
  readonly hops: number;
}

/** The best shards of one range: of all, and of those that are starved. */
interface Span<Candidate> {
  readonly start: number;
  readonly end: number;
  best: Rated<Candidate> | null;
  starved: Rated<Candidate> | null;
}

type Sums = Pick<PipelineCost, 'micros' | 'gridPenalty' | 'served'>;

function compareSums(left: Sums, right: Sums): number {
  return left.micros - right.micros || left.gridPenalty - right.gridPenalty || left.served - right.served;
}

/** Negative when `left` is better. */
export function comparePipelineCosts(left: PipelineCost, right: PipelineCost): number {
  return (
    left.inexactness - right.inexactness ||
    Number(right.servesStarved) - Number(left.servesStarved) ||
    compareSums(left, right)
  );
}

/** What one shard adds to the sums of a pipeline. */
export function rateShard<Candidate extends ShardCandidate>(shard: Candidate): Rated<Candidate> {
  return {
    shard,
    micros: timeClass(expectedHopMs(shard)),
    gridPenalty: Math.round((1 - shard.gridPriority) * 1_000),
    served: shard.served,
  };
}

function better<Candidate extends ShardCandidate>(
  candidate: Rated<Candidate>,
  known: Rated<Candidate> | null,
): Rated<Candidate> {
  if (known === null) return candidate;
  const order = compareSums(candidate, known);
  return order < 0 || (order === 0 && candidate.shard.nodeId < known.shard.nodeId) ? candidate : known;
}

function inexactnessOf(precision: Precision, wanted: Precision): number {
  return isAsExact(precision, wanted) ? 0 : PRECISIONS.indexOf(precision) - PRECISIONS.indexOf(wanted);
}

/**
 * The best pipeline over exactly the wished layers, or null. A pure function: the same candidates in any order give the
 * same pipeline.
 *
 * A shard's graph runs exactly its own layers (decision 001), so neighbours must meet without gap or overlap, and a
 * pipeline is a path over layer borders. Costs add up along it, so the best path to the end from each border is kept,
 * once in general and once among those that serve a starved node: time proportional to the candidates.
 *
 * One starved node per request is enough: whoever is below a tenth of the mean comes first as often as it takes.
 */
export function choosePipeline<Candidate extends ShardCandidate>(
  candidates: Iterable<Candidate>,
  wish: PipelineWish,
): ChosenPipeline<Candidate> | null {
  let best: ChosenPipeline<Candidate> | null = null;
  for (const { spans, precision } of groupsOf(candidates, wish)) {
    const inexactness = inexactnessOf(precision, wish.precision);
    if (best !== null && inexactness > best.cost.inexactness) continue;
    const found = bestPath(spans, wish);
    if (found === null) continue;
    const { tail, servesStarved } = found;
    const { micros, gridPenalty, served } = tail;
    const cost: PipelineCost = { inexactness, servesStarved, micros, gridPenalty, served };
    if (best === null || comparePipelineCosts(cost, best.cost) < 0) best = { shards: shardsOf(tail), cost };
  }
  return best;
}

interface Group<Candidate> {
  readonly manifestHash: string | null;
  readonly precision: Precision;
  readonly spans: Map<number, Span<Candidate>>;
}

/** Candidates that may share a pipeline, reduced to the best of each range; in an order that does not depend on theirs. */
function groupsOf<Candidate extends ShardCandidate>(
  candidates: Iterable<Candidate>,
  { firstLayer, lastLayer, excluded, starvedBelow }: PipelineWish,
): Group<Candidate>[] {
  const groups = new Map<string | null, Map<Precision, Group<Candidate>>>();
  const width = lastLayer + 1;
  for (const shard of candidates) {
    const { layerStart, layerEnd, manifestHash, precision } = shard;
    if (layerStart < firstLayer || layerEnd > lastLayer || layerEnd < layerStart) continue;
    if (!shard.isActive || excluded.has(shard.nodeId)) continue;
    let byPrecision = groups.get(manifestHash);
    if (byPrecision === undefined) groups.set(manifestHash, (byPrecision = new Map()));
    let group = byPrecision.get(precision);
    if (group === undefined) byPrecision.set(precision, (group = { manifestHash, precision, spans: new Map() }));
    const key = layerStart * width + layerEnd;
    let span = group.spans.get(key);
    if (span === undefined) {
      span = { start: layerStart, end: layerEnd, best: null, starved: null };
      group.spans.set(key, span);
    }
    const rated = rateShard(shard);
    span.best = better(rated, span.best);
    if (shard.served < starvedBelow) span.starved = better(rated, span.starved);
  }
  return [...groups.values()]
    .flatMap((byPrecision) => [...byPrecision.values()])
    .sort(
      (left, right) =>
        PRECISIONS.indexOf(left.precision) - PRECISIONS.indexOf(right.precision) ||
        ((left.manifestHash ?? '') < (right.manifestHash ?? '') ? -1 : 1),
    );
}

/** Shortest path over layer borders, from the last layer back to the first. */
function bestPath<Candidate extends ShardCandidate>(
  spans: ReadonlyMap<number, Span<Candidate>>,
  { firstLayer, lastLayer }: PipelineWish,
): { readonly tail: Tail<Candidate>; readonly servesStarved: boolean } | null {
  const any = new Map<number, Tail<Candidate>>();
  const serving = new Map<number, Tail<Candidate>>();
  any.set(lastLayer + 1, { shard: null, next: null, micros: 0, gridPenalty: 0, served: 0, hops: 0 });
  // From the back, so that the way on from a span's end is known; shorter spans first among equals.
  const ordered = [...spans.values()].sort((left, right) => right.start - left.start || left.end - right.end);
  for (const { start, end, best, starved } of ordered) {
    offer(any, start, best, any.get(end + 1));
    offer(serving, start, starved, any.get(end + 1));
    offer(serving, start, best, serving.get(end + 1));
  }
  const tail = serving.get(firstLayer) ?? any.get(firstLayer);
  return tail === undefined ? null : { tail, servesStarved: serving.has(firstLayer) };
}

function offer<Candidate extends ShardCandidate>(
  tails: Map<number, Tail<Candidate>>,
  border: number,
  rated: Rated<Candidate> | null,
  next: Tail<Candidate> | undefined,
): void {
  if (rated === null || next === undefined) return;
  const tail: Tail<Candidate> = {
    shard: rated.shard,
    next,
    micros: rated.micros + next.micros,
    gridPenalty: rated.gridPenalty + next.gridPenalty,
    served: rated.served + next.served,
    hops: next.hops + 1,
  };
  const known = tails.get(border);
  if (known === undefined || (compareSums(tail, known) || tail.hops - known.hops) < 0) tails.set(border, tail);
}

function shardsOf<Candidate>(tail: Tail<Candidate>): Candidate[] {
  const shards: Candidate[] = [];
  for (let at: Tail<Candidate> | null = tail; at !== null; at = at.next) if (at.shard !== null) shards.push(at.shard);
  return shards;
}
