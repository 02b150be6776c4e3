import type { LayerRange } from '../../protocol/compute/model';
import type { Clock } from '../clock';
import type { GridStates } from '../grid/grid-states';
import type { KnownModel, ModelCatalogue } from '../models/model-catalogue';
import { effectiveHardware, isAvailableAt, type NodeRow } from '../nodes/node-standing';
import type { NodeStore } from '../nodes/node-store';
import { Allocations } from './allocations';
import { chooseCover, type CoverCandidate } from './cover';
import { reportCoverage, type CoverageReport } from './coverage';
import type { RegisteredShard, ShardRegistry } from './shard-registry';
import { memoryRequiredBytes, suggestRange } from './suggest';
import type { HopTransport } from './transport-choice';

/** One hop of a planned pipeline, with its node's standing at this moment, which is what it will be paid by. */
export interface PlannedHop {
  readonly nodeId: string;
  readonly range: LayerRange;
  readonly transport: HopTransport;
  /** The previous hop delivers over a link of its own. */
  readonly isDirect?: boolean;
  readonly multiplier: number;
  readonly reliability: number;
}

export interface PipelinePlan {
  readonly model: KnownModel;
  /** Of the shards; null when they are foreign and named none. */
  readonly manifestHash: string | null;
  readonly hops: readonly PlannedHop[];
}

interface OnlineShard extends CoverCandidate {
  readonly shard: RegisteredShard;
  readonly node: NodeRow;
  readonly transport: HopTransport;
}

const NOBODY: ReadonlySet<string> = new Set();

function plannedHop(held: OnlineShard): PlannedHop {
  return {
    nodeId: held.nodeId,
    range: { layer_start: held.layerStart, layer_end: held.layerEnd },
    transport: held.transport,
    multiplier: held.multiplier,
    reliability: held.reliability,
  };
}

/** Decides who serves what, from the registry, the nodes' standing and the grid. */
export class Scheduler {
  readonly allocations = new Allocations();

  constructor(
    private readonly catalogue: ModelCatalogue,
    private readonly registry: ShardRegistry,
    private readonly nodes: NodeStore,
    private readonly grid: GridStates,
    private readonly clock: Clock,
  ) {}

  /** The best pipeline of a model now, without `excluded` nodes, or null. */
  async plan(modelId: string, excluded: ReadonlySet<string> = NOBODY): Promise<PipelinePlan | null> {
    const online = (await this.online(modelId)).filter((candidate) => !excluded.has(candidate.nodeId));
    return this.choose(modelId, online);
  }

  /** The best way to serve exactly these layers of one manifest now, without `excluded` nodes, or null. */
  async cover(
    modelId: string,
    manifestHash: string | null,
    range: LayerRange,
    excluded: ReadonlySet<string>,
  ): Promise<readonly PlannedHop[] | null> {
    const inside = (await this.online(modelId)).filter(
      (held) =>
        !excluded.has(held.nodeId) &&
        held.manifestHash === manifestHash &&
        held.layerStart >= range.layer_start &&
        held.layerEnd <= range.layer_end,
    );
    // Tiling begins at layer 0, so the range is moved there and back.
    const moved = inside.map((held) => ({
      ...held,
      held,
      layerStart: held.layerStart - range.layer_start,
      layerEnd: held.layerEnd - range.layer_start,
    }));
    const cover = chooseCover(moved, range.layer_end - range.layer_start + 1);
    if (cover === null) return null;
    return cover.flatMap((chosen) => moved.filter((one) => one === chosen)).map(({ held }) => plannedHop(held));
  }

  /** Coverage of a model, the pipeline a request would take, and how many nodes hold parts of it. */
  async coverage(
    modelId: string,
  ): Promise<{ report: CoverageReport; plan: PipelinePlan | null; online: number; offline: number } | null> {
    const model = this.catalogue.find(modelId);
    if (model === undefined) return null;
    const online = await this.online(modelId);
    const plan = this.choose(modelId, online);
    return {
      report: reportCoverage(online, model.manifest.total_layers, plan !== null),
      plan,
      online: online.length,
      offline: this.registry.shardsOfModel(modelId).length - online.length,
    };
  }

  /** Where a new node helps most, or null when nothing fits; undefined for an unknown model. */
  async suggest(
    modelId: string,
    memoryBytes: number,
  ): Promise<{ range: LayerRange; requiredBytes: number; model: KnownModel } | null | undefined> {
    const model = this.catalogue.find(modelId);
    if (model === undefined) return undefined;
    // A new node will most likely cut its shard from the first manifest; foreign shards without one cannot join it.
    const joinable = (await this.online(modelId)).filter((held) => held.manifestHash === model.manifestHash);
    const held = joinable.length > 0 ? joinable : await this.online(modelId);
    const range = suggestRange(model.manifest, held, memoryBytes);
    if (range === null) return null;
    return { range, requiredBytes: memoryRequiredBytes(model.manifest, range), model };
  }

  private choose(modelId: string, online: readonly OnlineShard[]): PipelinePlan | null {
    for (const model of this.catalogue.variants(modelId)) {
      const primary = model === this.catalogue.find(modelId);
      const fitting = online.filter(
        (held) => held.manifestHash === model.manifestHash || (primary && held.manifestHash === null),
      );
      const cover = chooseCover(fitting, model.manifest.total_layers);
      if (cover === null) continue;
      const hops = cover.flatMap((chosen) => fitting.filter((held) => held === chosen));
      return {
        model,
        manifestHash: hops[0]?.manifestHash ?? null,
        hops: hops.map(plannedHop),
      };
    }
    return null;
  }

  private async online(modelId: string): Promise<OnlineShard[]> {
    const reachable = this.registry.shardsOfModel(modelId).flatMap((shard) => {
      const transport = this.registry.reach(shard);
      return transport === null ? [] : [{ shard, transport }];
    });
    const nodeIds = reachable.map(({ shard }) => shard.nodeId);
    const nodes = await this.nodes.findAll(nodeIds);
    const starved = this.allocations.starved(nodeIds);
    const nowMs = this.clock.nowMs();
    return reachable.flatMap(({ shard, transport }): OnlineShard[] => {
      const node = nodes.get(shard.nodeId);
      if (node === undefined || node.status !== 'active' || !isAvailableAt(node, nowMs)) return [];
      return [
        {
          shard,
          node,
          transport,
          nodeId: shard.nodeId,
          layerStart: shard.layerStart,
          layerEnd: shard.layerEnd,
          manifestHash: shard.manifestHash,
          reliability: node.reliability,
          multiplier: effectiveHardware(node, nowMs).multiplier,
          activeRequests: this.allocations.activeRequests(shard.nodeId),
          gridPriority: this.grid.priority(shard.region ?? node.region),
          starved: starved.has(shard.nodeId),
        },
      ];
    });
  }
}
