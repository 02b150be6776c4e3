import type { Precision } from '../../protocol/compute/formulas';
import type { ShardListing, TransportOffer } from '../../protocol/compute/http/shards';
import type { Clock } from '../clock';
import { chooseTransport, type HopTransport } from './transport-choice';

/** A registered shard. Kept in memory: after a restart a heartbeat finds nothing, and nodes register again. */
export interface RegisteredShard {
  readonly shardId: string;
  readonly nodeId: string;
  readonly modelId: string;
  readonly layerStart: number;
  readonly layerEnd: number;
  readonly vramGb: number;
  readonly region: string | null;
  readonly host: string | null;
  readonly port: number | null;
  readonly transports: readonly TransportOffer[];
  readonly manifestHash: string | null;
  readonly precision: Precision;
  /** The execution provider that runs it; null when it was not named. */
  readonly provider: string | null;
  readonly lastHeartbeatMs: number;
}

/** Shards of one node; a node holds one range of a model, and few models. */
export const MAX_SHARDS_PER_NODE = 64;

/** Silent for this many times what takes a shard offline, it is forgotten; whoever comes back later registers again. */
const FORGET_AFTER_SILENCES = 10;

/** Says whether a node's connection is up. */
export type ConnectionCheck = (nodeId: string) => boolean;

/** A change of the registry made here, for those who keep a copy. */
export type ShardChange =
  | { readonly kind: 'put'; readonly nodeId: string; readonly modelId: string; readonly shard: RegisteredShard }
  | { readonly kind: 'removed' | 'alive'; readonly nodeId: string; readonly modelId: string };

/** The one place of a shard in both indexes. */
interface Held {
  shard: RegisteredShard;
}

/** Who holds what, and whether it can be reached now. One shard per node and model: a new registration replaces it. */
export class ShardRegistry {
  private readonly heldByNode = new Map<string, Map<string, Held>>();
  private readonly heldByModel = new Map<string, Map<string, Held>>();
  private isConnected: ConnectionCheck = () => false;
  private onChange: (change: ShardChange) => void = () => undefined;
  private onNode: (nodeId: string) => void = () => undefined;

  constructor(
    private readonly offlineAfterMs: number,
    private readonly clock: Clock,
  ) {}

  /** Given once the connections exist. */
  watchConnections(isConnected: ConnectionCheck): void {
    this.isConnected = isConnected;
  }

  /** Told of every change made here, not of those taken over from elsewhere. */
  watchChanges(onChange: (change: ShardChange) => void): void {
    this.onChange = onChange;
  }

  /** Told of every node of which something changed, here or elsewhere; a sign of life counts. */
  watchNodes(onNode: (nodeId: string) => void): void {
    this.onNode = onNode;
  }

  /** Takes over what another replica registered, unless it is older than what is known. */
  adopt(shard: RegisteredShard): void {
    const known = this.heldByNode.get(shard.nodeId)?.get(shard.modelId);
    if (known !== undefined && known.shard.lastHeartbeatMs > shard.lastHeartbeatMs) return;
    this.store(shard);
  }

  /** Takes over that another replica removed a shard. */
  disown(nodeId: string, modelId: string): void {
    this.drop(nodeId, modelId);
  }

  /** Takes over signs of life that reached another replica. */
  adoptHeartbeats(nodeIds: readonly string[]): void {
    for (const nodeId of nodeIds) this.renew(nodeId);
  }

  /** False when the node holds as many shards as it may. */
  put(shard: Omit<RegisteredShard, 'lastHeartbeatMs'>): boolean {
    const known = this.heldByNode.get(shard.nodeId);
    if (known !== undefined && !known.has(shard.modelId) && known.size >= MAX_SHARDS_PER_NODE) return false;
    const registered = { ...shard, lastHeartbeatMs: this.clock.nowMs() };
    this.store(registered);
    this.onChange({ kind: 'put', nodeId: shard.nodeId, modelId: shard.modelId, shard: registered });
    return true;
  }

  holdsAny(nodeId: string): boolean {
    return this.heldByNode.has(nodeId);
  }

  shardsOfNode(nodeId: string): RegisteredShard[] {
    return [...(this.heldByNode.get(nodeId)?.values() ?? [])].map(({ shard }) => shard);
  }

  shardsOfModel(modelId: string): RegisteredShard[] {
    return [...(this.heldByModel.get(modelId)?.values() ?? [])].map(({ shard }) => shard);
  }

  /** How many shards of a model are registered, reachable or not. */
  countOf(modelId: string): number {
    return this.heldByModel.get(modelId)?.size ?? 0;
  }

  all(): RegisteredShard[] {
    return [...this.heldByNode.values()].flatMap((shards) => [...shards.values()].map(({ shard }) => shard));
  }

  /** Notes that a node is there; returns how many shards it holds. */
  heartbeat(nodeId: string): number {
    const renewed = this.renew(nodeId);
    if (renewed > 0) this.onChange({ kind: 'alive', nodeId, modelId: '' });
    return renewed;
  }

  /** Removes one model's shard of a node, or all of them, and returns what was removed. */
  remove(nodeId: string, modelId?: string): RegisteredShard[] {
    const removed = this.shardsOfNode(nodeId).filter((shard) => modelId === undefined || shard.modelId === modelId);
    for (const shard of removed) {
      this.drop(nodeId, shard.modelId);
      this.onChange({ kind: 'removed', nodeId, modelId: shard.modelId });
    }
    return removed;
  }

  /**
   * Forgets shards of which nothing was heard for long. Connected nodes keep theirs: this computer may have slept. Others who
   * keep a copy may have heard of them, and judge alone.
   */
  forgetSilent(): void {
    const heardSinceMs = this.clock.nowMs() - FORGET_AFTER_SILENCES * this.offlineAfterMs;
    for (const { nodeId, modelId, lastHeartbeatMs } of this.all()) {
      if (lastHeartbeatMs <= heardSinceMs && !this.isConnected(nodeId)) this.drop(nodeId, modelId);
    }
  }

  /** How the shard can be reached now, or null when it is offline. */
  reach(shard: RegisteredShard): HopTransport | null {
    if (this.clock.nowMs() >= this.silentFromMs(shard)) return null;
    return chooseTransport(shard, this.isConnected(shard.nodeId));
  }

  /** When the shard counts as offline, if nothing is heard of its node until then. */
  silentFromMs(shard: RegisteredShard): number {
    return shard.lastHeartbeatMs + this.offlineAfterMs;
  }

  listing(shard: RegisteredShard): ShardListing {
    return {
      shard_id: shard.shardId,
      node_id: shard.nodeId,
      model_id: shard.modelId,
      layer_start: shard.layerStart,
      layer_end: shard.layerEnd,
      layer_count: shard.layerEnd - shard.layerStart + 1,
      is_online: this.reach(shard) !== null,
      vram_gb: shard.vramGb,
      region: shard.region,
      host: shard.host,
      port: shard.port,
      transports: [...shard.transports],
      manifest_hash: shard.manifestHash,
      precision: shard.precision,
      provider: shard.provider,
    };
  }

  private renew(nodeId: string): number {
    const shards = this.heldByNode.get(nodeId);
    if (shards === undefined) return 0;
    const lastHeartbeatMs = this.clock.nowMs();
    for (const held of shards.values()) held.shard = { ...held.shard, lastHeartbeatMs };
    this.onNode(nodeId);
    return shards.size;
  }

  private store(shard: RegisteredShard): void {
    const held: Held = { shard };
    const ofNode = this.heldByNode.get(shard.nodeId) ?? new Map<string, Held>();
    this.heldByNode.set(shard.nodeId, ofNode.set(shard.modelId, held));
    const ofModel = this.heldByModel.get(shard.modelId) ?? new Map<string, Held>();
    this.heldByModel.set(shard.modelId, ofModel.set(shard.nodeId, held));
    this.onNode(shard.nodeId);
  }

  private drop(nodeId: string, modelId: string): void {
    const ofNode = this.heldByNode.get(nodeId);
    ofNode?.delete(modelId);
    if (ofNode?.size === 0) this.heldByNode.delete(nodeId);
    const ofModel = this.heldByModel.get(modelId);
    ofModel?.delete(nodeId);
    if (ofModel?.size === 0) this.heldByModel.delete(modelId);
    this.onNode(nodeId);
  }
}
