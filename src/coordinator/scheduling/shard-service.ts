import type { ModelManifest } from '../../protocol/compute/model';
import type { ShardRegistration, ShardRegistrationAnswer, TransportOffer } from '../../protocol/compute/http/shards';
import { success } from '../../protocol/result';
import type { Random } from '../clock';
import type { CoordinatorConfig } from '../config';
import { refuse, type CoordinatorResult } from '../errors';
import type { ModelCatalogue } from '../models/model-catalogue';
import { unknownNode } from '../nodes/node-service';
import type { NodeStore } from '../nodes/node-store';
import type { NodeNotifications } from '../notifications';
import { MAX_SHARDS_PER_NODE, type RegisteredShard, type ShardRegistry } from './shard-registry';
import { hostProblem } from './transport-choice';

/** How a registration came in, and what only the WebSocket binding carries. */
export interface ShardOrigin {
  readonly channel: 'http' | 'ws';
  readonly manifestHash?: string | undefined;
  readonly manifest?: ModelManifest | undefined;
}

/** What a node means that names no transport: the way it came. */
function defaultTransports(origin: ShardOrigin, port: number | null): TransportOffer[] {
  return origin.channel === 'ws'
    ? [{ transport: 'ws-relay', version: '1', priority: 1 }]
    : [{ transport: 'http', version: '', port, priority: 1 }];
}

function knownFields({ transport, version, port, priority }: TransportOffer): TransportOffer {
  return { transport, version, priority, ...(port === undefined ? {} : { port }) };
}

/** Registers and removes shards. */
export class ShardService {
  constructor(
    private readonly registry: ShardRegistry,
    private readonly catalogue: ModelCatalogue,
    private readonly nodes: NodeStore,
    private readonly notifications: NodeNotifications,
    private readonly config: Pick<CoordinatorConfig, 'shardHosts'>,
    private readonly random: Random,
  ) {}

  /**
   * Fails with `node-unknown`, `node-inactive`, `range-invalid`, and the codes of `ModelCatalogue.resolve`. A suspended
   * node may register: it is not given work until it is let back in.
   */
  async register(
    registration: ShardRegistration,
    origin: ShardOrigin,
  ): Promise<CoordinatorResult<ShardRegistrationAnswer>> {
    const node = await this.nodes.find(registration.node_id);
    if (node === undefined || node.status === 'deregistered') return unknownNode(registration.node_id);
    const manifestHash = origin.manifestHash ?? registration.manifest_hash ?? null;
    const model = await this.catalogue.resolve(registration.model_id, manifestHash, origin.manifest);
    if (!model.ok) return model;
    const { layer_start: layerStart, layer_end: layerEnd } = registration;
    const totalLayers = model.value.manifest.total_layers;
    if (layerStart > layerEnd || layerEnd >= totalLayers) {
      return refuse(
        'range-invalid',
        `Layers ${layerStart} to ${layerEnd} are not a range of ${registration.model_id}, which has layers 0 to ${totalLayers - 1}.`,
      );
    }
    const host = registration.host === undefined || registration.host === '' ? null : registration.host;
    const problem = host === null ? null : hostProblem(host, this.config.shardHosts);
    if (problem !== null && origin.channel === 'http') {
      return refuse('range-invalid', `The host ${host} cannot be used: ${problem}.`);
    }
    const port = registration.port ?? null;
    const known = this.registry.shardsOfNode(node.id).find((shard) => shard.modelId === registration.model_id);
    const same = known?.layerStart === layerStart && known.layerEnd === layerEnd;
    // Without fields nobody reads: they are held in memory, told to the other replicas and shown to everybody.
    const offers = (registration.transports ?? []).map(knownFields);
    const shard: Omit<RegisteredShard, 'lastHeartbeatMs'> = {
      shardId: known !== undefined && same ? known.shardId : this.random.uuid(),
      nodeId: node.id,
      modelId: registration.model_id,
      layerStart,
      layerEnd,
      vramGb: registration.vram_gb ?? 0,
      region: registration.region?.toUpperCase() ?? null,
      host: problem === null ? host : null,
      port,
      transports: offers.length > 0 ? offers : defaultTransports(origin, port),
      manifestHash: manifestHash ?? (origin.manifest === undefined ? null : model.value.manifestHash),
      precision: registration.precision ?? 'fp32',
      provider: registration.provider ?? null,
    };
    if (!this.registry.put(shard)) {
      return refuse('range-invalid', `A node may register ${MAX_SHARDS_PER_NODE} models at most.`);
    }
    this.notifications.coverageMayHaveChanged();
    return success({
      shard_id: shard.shardId,
      node_id: node.id,
      model_id: shard.modelId,
      layers: `${layerStart}-${layerEnd}`,
      layer_count: layerEnd - layerStart + 1,
    });
  }

  /** Removes shards and says which; an empty list when there were none. */
  remove(nodeId: string, modelId?: string): RegisteredShard[] {
    const removed = this.registry.remove(nodeId, modelId);
    if (removed.length > 0) this.notifications.coverageMayHaveChanged();
    return removed;
  }
}
