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
  readonly lastHeartbeatMs: number;
}

/** Shards of one node; a node holds one range of a model, and few models. */
export const MAX_SHARDS_PER_NODE = 64;

/** Says whether a node's connection is up. */
export type ConnectionCheck = (nodeId: string) => boolean;

/** A change of the registry made here, for those who keep a copy. */
export type ShardChange =
  | { readonly kind: 'put'; readonly nodeId: string; readonly modelId: string; readonly shard: RegisteredShard }
  | { readonly kind: 'removed' | 'alive'; readonly nodeId: string; readonly modelId: string };

/** Who holds what, and whether it can be reached now. One shard per node and model: a new registration replaces it. */
export class ShardRegistry {
  private readonly shardsByNode = new Map<string, Map<string, RegisteredShard>>();
  private isConnected: ConnectionCheck = () => false;
  private onChange: (change: ShardChange) => void = () => undefined;

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

  /** Takes over what another replica registered, unless it is older than what is known. */
  adopt(shard: RegisteredShard): void {
    const shards = this.shardsByNode.get(shard.nodeId) ?? new Map<string, RegisteredShard>();
    const known = shards.get(shard.modelId);
    if (known !== undefined && known.lastHeartbeatMs > shard.lastHeartbeatMs) return;
    shards.set(shard.modelId, shard);
    this.shardsByNode.set(shard.nodeId, shards);
  }

  /** Takes over that another replica removed a shard. */
  disown(nodeId: string, modelId: string): void {
    const shards = this.shardsByNode.get(nodeId);
    shards?.delete(modelId);
    if (shards?.size === 0) this.shardsByNode.delete(nodeId);
  }

  /** Takes over signs of life that reached another replica. */
  adoptHeartbeats(nodeIds: readonly string[]): void {
    for (const nodeId of nodeIds) this.renew(nodeId);
  }

  /** False when the node holds as many shards as it may. */
  put(shard: Omit<RegisteredShard, 'lastHeartbeatMs'>): boolean {
    const shards = this.shardsByNode.get(shard.nodeId) ?? new Map<string, RegisteredShard>();
    if (!shards.has(shard.modelId) && shards.size >= MAX_SHARDS_PER_NODE) return false;
    const registered = { ...shard, lastHeartbeatMs: this.clock.nowMs() };
    shards.set(shard.modelId, registered);
    this.shardsByNode.set(shard.nodeId, shards);
    this.onChange({ kind: 'put', nodeId: shard.nodeId, modelId: shard.modelId, shard: registered });
    return true;
  }

  shardsOfNode(nodeId: string): RegisteredShard[] {
    return [...(this.shardsByNode.get(nodeId)?.values() ?? [])];
  }

  shardsOfModel(modelId: string): RegisteredShard[] {
    return this.all().filter((shard) => shard.modelId === modelId);
  }

  all(): RegisteredShard[] {
    return [...this.shardsByNode.values()].flatMap((shards) => [...shards.values()]);
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
    const shards = this.shardsByNode.get(nodeId);
    for (const shard of removed) {
      shards?.delete(shard.modelId);
      this.onChange({ kind: 'removed', nodeId, modelId: shard.modelId });
    }
    if (shards?.size === 0) this.shardsByNode.delete(nodeId);
    return removed;
  }

  /** How the shard can be reached now, or null when it is offline. */
  reach(shard: RegisteredShard): HopTransport | null {
    if (this.clock.nowMs() - shard.lastHeartbeatMs > this.offlineAfterMs) return null;
    return chooseTransport(shard, this.isConnected(shard.nodeId));
  }

  private renew(nodeId: string): number {
    const shards = this.shardsByNode.get(nodeId);
    if (shards === undefined) return 0;
    for (const [modelId, shard] of shards) shards.set(modelId, { ...shard, lastHeartbeatMs: this.clock.nowMs() });
    return shards.size;
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
    };
  }
}
