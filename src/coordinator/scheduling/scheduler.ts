import { PRECISIONS, type Precision } from '../../protocol/compute/formulas';
import type { LayerRange } from '../../protocol/compute/model';
import type { KnownModel, ModelCatalogue } from '../models/model-catalogue';
import type { Allocations } from './allocations';
import { reportCoverage, type CoverageReport } from './coverage';
import { proposeMove, type PlacementMove } from './placement';
import { choosePipeline, minimumShare, type ShardCandidate } from './pipeline-choice';
import type { ShardView, ViewedShard } from './shard-view';
import { memoryRequiredBytes, suggestRange } from './suggest';
import type { HopTransport } from './transport-choice';

/** One hop of a planned pipeline, with its node's standing at this moment, which is what it will be paid by. */
export interface PlannedHop {
  readonly nodeId: string;
  readonly range: LayerRange;
  readonly transport: HopTransport;
  /** The previous hop delivers over a link of its own. */
  readonly isDirect?: boolean;
  /** The execution provider of the shard, where it is known. */
  readonly provider: string | null;
  readonly multiplier: number;
  readonly reliability: number;
}

/** What the shards of one pipeline have in common. */
export interface PipelineKind {
  /** Null when they are foreign and named none. */
  readonly manifestHash: string | null;
  readonly precision: Precision;
}

export interface PipelinePlan extends PipelineKind {
  readonly model: KnownModel;
  readonly hops: readonly PlannedHop[];
}

/** What a pipeline is wanted for; everything has a default. */
export interface PlanWish {
  /** The least exact precision that is what was asked for; `fp32` by default. Less exact shards serve where no others do. */
  readonly precision?: Precision;
  readonly excluded?: ReadonlySet<string>;
  /** Only shards like these, for a pipeline that goes on. */
  readonly kind?: PipelineKind;
}

/** What a node tells of itself when it asks which layers it should hold. */
export interface SuggestionWish {
  readonly memoryBytes: number;
  /** Of a node that serves already. */
  readonly nodeId?: string | undefined;
  /** How it would hold them, where that is settled. */
  readonly precision?: Precision | undefined;
  /** How they are held where nobody holds any yet. */
  readonly firstPrecision: Precision;
}

/** Layers a node should hold. */
export interface Suggestion {
  readonly range: LayerRange;
  /** As it was asked for; else as most of what is held; else as the operator set. */
  readonly precision: Precision;
  readonly requiredBytes: number;
  readonly model: KnownModel;
  readonly move: PlacementMove | null;
}

const NOBODY: ReadonlySet<string> = new Set();

function plannedHop(held: ViewedShard): PlannedHop {
  if (held.transport === null) throw new Error('only shards that can be reached are chosen');
  return {
    nodeId: held.nodeId,
    range: { layer_start: held.layerStart, layer_end: held.layerEnd },
    transport: held.transport,
    provider: held.provider,
    multiplier: held.multiplier,
    reliability: held.reliability,
  };
}

/** Layers a node does for a token in a millisecond, as far as it can be relied on. */
function throughputOf(held: ViewedShard): number {
  return held.reliability / Math.max(held.layerMs, Number.EPSILON);
}

/** The precision in which most layers are held, counted by the work their nodes do; the more exact one of equals. */
function usualPrecision(held: readonly (ViewedShard & { throughput: number })[]): Precision | null {
  const work = new Map<Precision, number>();
  for (const { precision, layerStart, layerEnd, throughput } of held) {
    work.set(precision, (work.get(precision) ?? 0) + (layerEnd - layerStart + 1) * throughput);
  }
  let usual: Precision | null = null;
  for (const precision of PRECISIONS) {
    if ((work.get(precision) ?? 0) > (usual === null ? 0 : (work.get(usual) ?? 0))) usual = precision;
  }
  return usual;
}

/** What a node that serves already works together with: shards held as its own. */
function alikeWith<Held extends ViewedShard>(held: readonly Held[], nodeId: string): readonly Held[] {
  const own = held.find((shard) => shard.nodeId === nodeId);
  return held.filter((shard) => shard.precision === own?.precision);
}

function isOfKind(held: ShardCandidate, kind: PipelineKind): boolean {
  return held.manifestHash === kind.manifestHash && held.precision === kind.precision;
}

/** Decides who serves what. */
export class Scheduler {
  constructor(
    private readonly catalogue: ModelCatalogue,
    private readonly view: Pick<ShardView, 'shardsOf'>,
    readonly allocations: Allocations,
  ) {}

  /** The best pipeline of a model now, or null. */
  async plan(modelId: string, wish: PlanWish = {}): Promise<PipelinePlan | null> {
    const shards = await this.view.shardsOf(modelId);
    const { kind } = wish;
    return this.choose(modelId, kind === undefined ? shards : shards.filter((held) => isOfKind(held, kind)), wish);
  }

  /**
   * The best way to serve the layers of a lost hop, or null: by shards on the same execution provider where there are
   * some, because they compute alike to the last bit.
   */
  async cover(
    modelId: string,
    kind: PipelineKind,
    lost: Pick<PlannedHop, 'range' | 'provider'>,
    excluded: ReadonlySet<string>,
  ): Promise<readonly PlannedHop[] | null> {
    const { layer_start: firstLayer, layer_end: lastLayer } = lost.range;
    const fitting = (await this.view.shardsOf(modelId)).filter((held) => isOfKind(held, kind));
    const alike = fitting.filter((held) => held.provider === lost.provider);
    const wish = { firstLayer, lastLayer, precision: kind.precision, excluded, starvedBelow: 0 };
    const chosen = choosePipeline(alike, wish) ?? choosePipeline(fitting, wish);
    return chosen === null ? null : chosen.shards.map(plannedHop);
  }

  /** Coverage of a model, the pipeline a request would take, and how many nodes hold parts of it. */
  async coverage(
    modelId: string,
  ): Promise<{ report: CoverageReport; plan: PipelinePlan | null; online: number; offline: number } | null> {
    const model = this.catalogue.find(modelId);
    if (model === undefined) return null;
    const shards = await this.view.shardsOf(modelId);
    const online = shards.filter((held) => held.isActive);
    const plan = this.choose(modelId, online, {});
    return {
      report: reportCoverage(online, model.manifest.total_layers, plan !== null),
      plan,
      online: online.length,
      offline: shards.length - online.length,
    };
  }

  /** Where a new node helps most, or null when nothing fits; undefined for an unknown model. */
  async suggest(
    modelId: string,
    { memoryBytes, nodeId, precision: wanted, firstPrecision }: SuggestionWish,
  ): Promise<Suggestion | null | undefined> {
    const placed = await this.placed(modelId);
    if (placed === null) return undefined;
    const { model, held } = placed;
    const { manifest } = model;
    const precision = wanted ?? usualPrecision(held) ?? firstPrecision;
    const move = nodeId === undefined ? null : proposeMove(manifest, alikeWith(held, nodeId), nodeId);
    // Only what is held alike makes a pipeline together.
    const alike = held.filter((shard) => shard.precision === precision);
    const range = suggestRange(manifest, alike, memoryBytes, precision);
    if (range === null) return null;
    return { range, precision, requiredBytes: memoryRequiredBytes(manifest, range, precision), model, move };
  }

  /** Where a node would help clearly more with the memory it uses, or null. */
  async moveOf(modelId: string, nodeId: string): Promise<PlacementMove | null> {
    const placed = await this.placed(modelId);
    return placed === null ? null : proposeMove(placed.model.manifest, alikeWith(placed.held, nodeId), nodeId);
  }

  /** The online shards a joiner could work with. */
  private async placed(
    modelId: string,
  ): Promise<{ readonly model: KnownModel; readonly held: readonly (ViewedShard & { throughput: number })[] } | null> {
    const model = this.catalogue.find(modelId);
    if (model === undefined) return null;
    // A new node will most likely cut its shard from the first manifest; foreign shards without one cannot join it.
    const online = (await this.view.shardsOf(modelId)).filter((held) => held.isActive);
    const joinable = online
      .filter((held) => held.manifestHash === model.manifestHash)
      .map((held) => ({ ...held, throughput: throughputOf(held) }));
    const held = joinable.length > 0 ? joinable : online.map((one) => ({ ...one, throughput: throughputOf(one) }));
    return { model, held };
  }

  private choose(modelId: string, shards: readonly ViewedShard[], wish: PlanWish): PipelinePlan | null {
    const variants = this.catalogue.variants(modelId);
    const starvedBelow = minimumShare(shards);
    for (const [index, model] of variants.entries()) {
      const takesForeign = index === 0;
      const fitting = shards.filter(
        (held) => held.manifestHash === model.manifestHash || (takesForeign && held.manifestHash === null),
      );
      const chosen = choosePipeline(fitting, {
        firstLayer: 0,
        lastLayer: model.manifest.total_layers - 1,
        precision: wish.precision ?? 'fp32',
        excluded: wish.excluded ?? NOBODY,
        starvedBelow,
      });
      const first = chosen?.shards[0];
      if (chosen === null || first === undefined) continue;
      const { manifestHash, precision } = first;
      return { model, manifestHash, precision, hops: chosen.shards.map(plannedHop) };
    }
    return null;
  }
}
