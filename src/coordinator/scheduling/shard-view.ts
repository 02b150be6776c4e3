import type { Clock } from '../clock';
import type { GridStates } from '../grid/grid-states';
import type { ModelCatalogue } from '../models/model-catalogue';
import { effectiveHardware, isAvailableAt, type NodeStanding } from '../nodes/node-standing';
import type { Standings } from '../nodes/standings';
import type { Allocations } from './allocations';
import { usualLayerMs, type NodePerformance } from './node-performance';
import type { ShardCandidate } from './pipeline-choice';
import type { RegisteredShard, ShardRegistry } from './shard-registry';
import type { HopTransport } from './transport-choice';

/** A registered shard as it is chosen: active ones have a transport. */
export interface ViewedShard extends ShardCandidate {
  readonly transport: HopTransport | null;
  readonly provider: string | null;
  readonly multiplier: number;
}

interface Entry {
  readonly modelId: string;
  readonly shard: ViewedShard;
  /** When time alone changes something: silence, hours, the end of a quarantine. */
  readonly validUntilMs: number;
}

interface ModelView {
  readonly entries: Map<string, Entry>;
  /** No entry ends before it. */
  validUntilMs: number;
}

const MINUTE_MS = 60_000;

/** What the view is made of. */
export interface ViewSources {
  readonly catalogue: ModelCatalogue;
  readonly registry: ShardRegistry;
  readonly standings: Standings;
  readonly performance: NodePerformance;
  readonly allocations: Allocations;
  readonly grid: GridStates;
  readonly clock: Clock;
}

/**
 * The shards of each model ready to be chosen from, kept in memory of one process. Making all of them anew takes tens of
 * milliseconds for ten thousand, so only what changed is made again, when somebody asks: every source says which node it
 * changed (`touch`), the grid says that all did, and each entry knows when time changes it. A node that nobody
 * touched is touched by the rounds of `Standings.refreshSome` all the same, so that nothing can stay wrong for long.
 */
export class ShardView {
  private readonly models = new Map<string, ModelView>();
  private readonly modelsByNode = new Map<string, string[]>();
  private readonly touched = new Set<string>();
  private updating: Promise<void> | null = null;

  constructor(private readonly sources: ViewSources) {
    const touch = (nodeId: string): void => this.touch(nodeId);
    sources.registry.watchNodes(touch);
    sources.standings.watchNodes(touch);
    sources.performance.watchNodes(touch);
    sources.allocations.watchNodes(touch);
    const touchAll = (): void => {
      for (const nodeId of this.modelsByNode.keys()) this.touch(nodeId);
    };
    sources.grid.watch(touchAll);
    sources.catalogue.watch(touchAll);
  }

  /** Something about the node changed: its shards, its connection, its standing, its work. */
  touch(nodeId: string): void {
    this.touched.add(nodeId);
  }

  /** Every registered shard of a model as of now. Asks the database only for nodes that are new or changed. */
  async shardsOf(modelId: string): Promise<readonly ViewedShard[]> {
    await this.update();
    const view = this.models.get(modelId);
    if (view === undefined) return [];
    this.renewExpired(view);
    const shards: ViewedShard[] = [];
    for (const { shard } of view.entries.values()) shards.push(shard);
    return shards;
  }

  /** Makes what was touched anew, and waits for whoever does so already. */
  private async update(): Promise<void> {
    while (this.updating !== null || this.touched.size > 0) {
      this.updating ??= this.updateTouched().finally(() => {
        this.updating = null;
      });
      await this.updating;
    }
  }

  private async updateTouched(): Promise<void> {
    const { standings, registry } = this.sources;
    const nodeIds = [...this.touched];
    // Cleared first: who is touched while the database answers is made once more.
    this.touched.clear();
    const unknown = nodeIds.filter((nodeId) => registry.holdsAny(nodeId) && standings.find(nodeId) === undefined);
    try {
      if (unknown.length > 0) await standings.load(unknown);
    } catch (thrown) {
      for (const nodeId of nodeIds) this.touched.add(nodeId);
      throw thrown;
    }
    for (const nodeId of nodeIds) this.remake(nodeId);
  }

  private remake(nodeId: string): void {
    for (const modelId of this.modelsByNode.get(nodeId) ?? []) this.models.get(modelId)?.entries.delete(nodeId);
    const shards = this.sources.registry.shardsOfNode(nodeId);
    if (shards.length === 0) {
      this.modelsByNode.delete(nodeId);
      return;
    }
    const standing = this.sources.standings.find(nodeId);
    for (const shard of shards) this.put(shard, standing);
    this.modelsByNode.set(
      nodeId,
      shards.map((shard) => shard.modelId),
    );
  }

  private put(shard: RegisteredShard, standing: NodeStanding | undefined): void {
    let view = this.models.get(shard.modelId);
    if (view === undefined) {
      view = { entries: new Map(), validUntilMs: Number.POSITIVE_INFINITY };
      this.models.set(shard.modelId, view);
    }
    const entry = this.entryOf(shard, standing);
    if (entry === null) return;
    view.entries.set(shard.nodeId, entry);
    view.validUntilMs = Math.min(view.validUntilMs, entry.validUntilMs);
  }

  private entryOf(shard: RegisteredShard, standing: NodeStanding | undefined): Entry | null {
    const { catalogue, registry, performance, allocations, grid, clock } = this.sources;
    const { nodeId, modelId } = shard;
    const model = catalogue.find(modelId);
    if (model === undefined || standing === undefined) return null;
    const nowMs = clock.nowMs();
    const transport = registry.reach(shard);
    const isActive = transport !== null && standing.status === 'active' && isAvailableAt(standing, nowMs);
    const { multiplier } = effectiveHardware(standing, nowMs);
    const usualMs = usualLayerMs(model.manifest) / Math.max(multiplier, Number.EPSILON);
    return {
      modelId,
      validUntilMs: this.validUntil(shard, standing, nowMs),
      shard: {
        nodeId,
        transport,
        provider: shard.provider,
        layerStart: shard.layerStart,
        layerEnd: shard.layerEnd,
        manifestHash: shard.manifestHash,
        precision: shard.precision,
        isActive,
        reliability: standing.reliability,
        multiplier,
        layerMs: performance.layerMs(nodeId, modelId) ?? usualMs,
        roundTripMs: performance.roundTripMs(nodeId),
        activeRequests: allocations.activeRequests(nodeId),
        gridPriority: grid.priority(shard.region ?? standing.region),
        served: allocations.served(nodeId),
      },
    };
  }

  private validUntil(shard: RegisteredShard, standing: NodeStanding, nowMs: number): number {
    const ends = [this.sources.registry.silentFromMs(shard)];
    if (standing.availability_start !== null) ends.push((Math.floor(nowMs / MINUTE_MS) + 1) * MINUTE_MS);
    if (standing.quarantine_until !== null) ends.push(Date.parse(standing.quarantine_until));
    // What is over already changes nothing more.
    return Math.min(...ends.filter((endMs) => endMs > nowMs), Number.POSITIVE_INFINITY);
  }

  private renewExpired(view: ModelView): void {
    const nowMs = this.sources.clock.nowMs();
    if (nowMs < view.validUntilMs) return;
    view.validUntilMs = Number.POSITIVE_INFINITY;
    for (const [nodeId, entry] of view.entries) {
      if (nowMs >= entry.validUntilMs) this.remake(nodeId);
      else view.validUntilMs = Math.min(view.validUntilMs, entry.validUntilMs);
    }
  }
}
