import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isAsExact, MINIMUM_ALLOCATION_SHARE, PRECISIONS } from '../../protocol/compute/formulas';
import { testCandidate } from '../testing/test-shards';
import { Allocations } from './allocations';
import {
  choosePipeline,
  comparePipelineCosts,
  expectedHopMs,
  minimumShare,
  rateShard,
  timeClass,
  type ChosenPipeline,
  type PipelineCost,
  type PipelineWish,
  type ShardCandidate,
} from './pipeline-choice';

const LAYERS = 6;

function wish(more: Partial<PipelineWish> = {}): PipelineWish {
  return { firstLayer: 0, lastLayer: LAYERS - 1, precision: 'fp32', excluded: new Set(), starvedBelow: 0, ...more };
}

function rangesOf(chosen: ChosenPipeline<ShardCandidate> | null): string | null {
  return chosen === null ? null : chosen.shards.map((shard) => `${shard.layerStart}-${shard.layerEnd}`).join(' ');
}

function nodesOf(chosen: ChosenPipeline<ShardCandidate> | null): string[] {
  return chosen === null ? [] : chosen.shards.map((shard) => shard.nodeId);
}

/** Every allowed pipeline, by trying all continuations. */
function allPipelines(shards: readonly ShardCandidate[], wanted: PipelineWish): ShardCandidate[][] {
  const extend = (path: ShardCandidate[], next: number): ShardCandidate[][] => {
    if (next > wanted.lastLayer) return [path];
    return shards
      .filter((shard) => shard.layerStart === next && shard.layerEnd <= wanted.lastLayer)
      .filter((shard) => shard.isActive && !wanted.excluded.has(shard.nodeId))
      .filter((shard) => path.every((one) => one.manifestHash === shard.manifestHash))
      .filter((shard) => path.every((one) => one.precision === shard.precision))
      .flatMap((shard) => extend([...path, shard], shard.layerEnd + 1));
  };
  return extend([], wanted.firstLayer);
}

/** The documented cost, worked out from the whole pipeline. */
function costOf(path: readonly ShardCandidate[], wanted: PipelineWish): PipelineCost {
  const precision = path[0]?.precision ?? 'fp32';
  const rated = path.map(rateShard);
  const sum = (pick: (one: (typeof rated)[number]) => number): number =>
    rated.reduce((total, one) => total + pick(one), 0);
  return {
    inexactness: isAsExact(precision, wanted.precision)
      ? 0
      : PRECISIONS.indexOf(precision) - PRECISIONS.indexOf(wanted.precision),
    servesStarved: path.some((shard) => shard.served < wanted.starvedBelow),
    micros: sum((one) => one.micros),
    gridPenalty: sum((one) => one.gridPenalty),
    served: sum((one) => one.served),
  };
}

const anyShard = fc
  .record({
    bounds: fc.tuple(fc.nat(LAYERS - 1), fc.nat(LAYERS - 1)),
    manifestHash: fc.constantFrom('a', 'a', 'b', null),
    precision: fc.constantFrom('fp32' as const, 'fp32' as const, 'fp16' as const, 'int4' as const),
    isActive: fc.constantFrom(true, true, true, false),
    reliability: fc.constantFrom(0.5, 0.75, 1),
    layerMs: fc.constantFrom(0.1, 1, 8),
    roundTripMs: fc.constantFrom(0, 5, 100),
    activeRequests: fc.nat(2),
    gridPriority: fc.constantFrom(0, 0.5, 1),
    served: fc.nat(3),
  })
  .map(({ bounds, ...more }) => testCandidate(Math.min(...bounds), Math.max(...bounds), more));

const someShards = fc
  .array(anyShard, { maxLength: 14 })
  .map((shards) => shards.map((shard, index) => ({ ...shard, nodeId: `node-${index}` })));

const anyWish = fc
  .record({
    precision: fc.constantFrom(...PRECISIONS),
    starvedBelow: fc.constantFrom(0, 0.5, 2),
    excluded: fc.uniqueArray(fc.nat(13), { maxLength: 4 }),
  })
  .map(({ excluded, ...more }) => wish({ ...more, excluded: new Set(excluded.map((index) => `node-${index}`)) }));

describe('choosePipeline', () => {
  it('covers every layer once with shards that may share a pipeline, at the least cost there is', () => {
    fc.assert(
      fc.property(someShards, anyWish, (shards, wanted) => {
        const chosen = choosePipeline(shards, wanted);
        const all = allPipelines(shards, wanted);
        expect(chosen === null).toBe(all.length === 0);
        if (chosen === null) return;
        expect(all).toContainEqual(chosen.shards);
        expect(chosen.cost).toEqual(costOf(chosen.shards, wanted));
        for (const other of all) {
          expect(comparePipelineCosts(chosen.cost, costOf(other, wanted))).toBeLessThanOrEqual(0);
        }
      }),
      { numRuns: 400 },
    );
  });

  it('gives the same pipeline for the same candidates in any order', () => {
    const shuffled = someShards.chain((shards) =>
      fc.tuple(fc.constant(shards), fc.shuffledSubarray(shards, { minLength: shards.length })),
    );
    fc.assert(
      fc.property(shuffled, anyWish, ([shards, others], wanted) => {
        expect(nodesOf(choosePipeline(others, wanted))).toEqual(nodesOf(choosePipeline(shards, wanted)));
      }),
    );
  });

  it('never takes a node that is suspended, away or excluded', () => {
    fc.assert(
      fc.property(someShards, anyWish, (shards, wanted) => {
        for (const shard of choosePipeline(shards, wanted)?.shards ?? []) {
          expect(shard.isActive).toBe(true);
          expect(wanted.excluded.has(shard.nodeId)).toBe(false);
        }
      }),
    );
  });

  it('covers a part of the model where only that is wished for', () => {
    const shards = [testCandidate(0, 5), testCandidate(2, 2), testCandidate(3, 3), testCandidate(3, 4)];
    expect(rangesOf(choosePipeline(shards, wish({ firstLayer: 2, lastLayer: 3 })))).toBe('2-2 3-3');
    expect(choosePipeline(shards, wish({ firstLayer: 1, lastLayer: 3 }))).toBeNull();
  });

  it('takes more hops only when they are faster in sum', () => {
    const far = { roundTripMs: 100 };
    const split = [testCandidate(0, 2, far), testCandidate(3, 5, far)];
    expect(rangesOf(choosePipeline([...split, testCandidate(0, 5, { ...far, layerMs: 10 })], wish()))).toBe('0-5');
    expect(rangesOf(choosePipeline([...split, testCandidate(0, 5, { ...far, layerMs: 60 })], wish()))).toBe('0-2 3-5');
  });

  it.each([
    ['reliability', { reliability: 0.6 }],
    ['speed', { layerMs: 2 }],
    ['distance', { roundTripMs: 20 }],
    ['load', { activeRequests: 1 }],
    ['share of the work', { served: 3 }],
  ])('prefers the node with better %s', (_name, worse) => {
    const [good, bad] = [testCandidate(0, 5, { nodeId: 'z-good' }), testCandidate(0, 5, { nodeId: 'a-bad', ...worse })];
    expect(nodesOf(choosePipeline([bad, good], wish()))).toEqual(['z-good']);
  });

  it('lets the grid decide only among nodes that are as fast', () => {
    const green = testCandidate(0, 5, { nodeId: 'z-green', gridPriority: 1, served: 9 });
    expect(nodesOf(choosePipeline([testCandidate(0, 5, { nodeId: 'a' }), green], wish()))).toEqual(['z-green']);
    const faster = testCandidate(0, 5, { nodeId: 'fast', gridPriority: 0, layerMs: 0.8 });
    expect(nodesOf(choosePipeline([faster, green], wish()))).toEqual(['fast']);
    fc.assert(
      fc.property(someShards, anyWish, fc.infiniteStream(fc.constantFrom(0, 0.5, 1)), (shards, wanted, stream) => {
        const other = shards.map((shard) => ({ ...shard, gridPriority: stream.next().value ?? 0 }));
        const [before, after] = [choosePipeline(shards, wanted), choosePipeline(other, wanted)];
        // Whatever the grids are, precision, shares and time come out the same.
        expect(after?.cost.micros).toBe(before?.cost.micros);
        expect(after?.cost.servesStarved).toBe(before?.cost.servesStarved);
        expect(after?.cost.inexactness).toBe(before?.cost.inexactness);
      }),
    );
  });

  it('never mixes precisions, and gives less exact ones only where nothing else is', () => {
    const [left, right] = [testCandidate(0, 2), testCandidate(3, 5, { precision: 'int4' })];
    expect(choosePipeline([left, right], wish())).toBeNull();
    const rough = testCandidate(0, 5, { nodeId: 'rough', precision: 'int4', layerMs: 0.01 });
    expect(nodesOf(choosePipeline([rough], wish()))).toEqual(['rough']);
    const exact = testCandidate(0, 5, { nodeId: 'exact' });
    expect(nodesOf(choosePipeline([rough, exact], wish()))).toEqual(['exact']);
    expect(nodesOf(choosePipeline([rough, exact], wish({ precision: 'int4' })))).toEqual(['rough']);
  });

  it('gives every node that can be part of a pipeline its minimum share', () => {
    const kinds = [
      [0, 5],
      [0, 2],
      [3, 5],
      [0, 1],
      [2, 5],
    ] as const;
    const population = fc.array(
      fc.record({ kind: fc.nat(kinds.length - 1), layerMs: fc.constantFrom(0.1, 1, 20, 500) }),
      { minLength: 2, maxLength: 9 },
    );
    fc.assert(
      fc.property(population, (members) => {
        const nodes = members.map(({ kind, layerMs }, index) => {
          const [start, end] = kinds[kind] ?? [0, 5];
          return testCandidate(start, end, { nodeId: `node-${index}`, layerMs });
        });
        const useful = new Set(allPipelines(nodes, wish()).flatMap((path) => path.map((shard) => shard.nodeId)));
        fc.pre(useful.size > 0);
        const allocations = new Allocations();
        const ids = nodes.map((node) => node.nodeId);
        for (let request = 0; request < 400; request += 1) {
          const now = nodes.map((node) => ({ ...node, served: allocations.served(node.nodeId) }));
          const chosen = choosePipeline(now, wish({ starvedBelow: minimumShare(now) }));
          allocations.begin(nodesOf(chosen))();
        }
        const counts = ids.map((id) => allocations.served(id));
        const mean = counts.reduce((sum, count) => sum + count, 0) / ids.length;
        for (const id of useful) {
          // A node may be due at the very end.
          expect(allocations.served(id)).toBeGreaterThanOrEqual(MINIMUM_ALLOCATION_SHARE * mean - 1);
          expect(allocations.served(id)).toBeGreaterThan(0);
        }
      }),
      { numRuns: 60 },
    );
  });
});

describe('expectedHopMs', () => {
  it('adds the way, the layers under load and the work that is done again', () => {
    expect(
      expectedHopMs(testCandidate(0, 3, { layerMs: 2, roundTripMs: 10, activeRequests: 2, reliability: 0.5 })),
    ).toBe((10 + 4 * 2 * 3) / 0.5);
  });
});

describe('timeClass', () => {
  it('keeps the order, is within a tenth of the time, and takes any number', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 0.001, max: 1e6, noNaN: true }),
        fc.double({ min: 1, max: 3, noNaN: true }),
        (ms, factor) => {
          expect(timeClass(ms * factor)).toBeGreaterThanOrEqual(timeClass(ms));
          // Whole microseconds: near 1 the rounding to them is larger than the class.
          expect(Math.abs(timeClass(ms) - ms * 1_000)).toBeLessThanOrEqual(0.05 * ms * 1_000 + 0.5);
        },
      ),
    );
    expect([timeClass(0), timeClass(-1)]).toEqual([1, 1]);
    expect(timeClass(Number.NaN)).toBe(timeClass(Number.POSITIVE_INFINITY));
  });
});
