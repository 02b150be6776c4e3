import { LAYERS_TRANSPORT } from '../protocol/compute/http/shards';
import { success, type Result } from '../protocol/result';
import { ActivationDoor } from './activation-server/activation-door';
import type { ForwardGate } from './activation-server/forward-gate';
import { systemClock } from './clock';
import type { NodePreferences } from './contributor-options';
import type { CoordinatorConnection } from './coordinator-client/coordinator-client';
import type { LinkTraffic } from './direct/dial-link';
import { DirectDoor } from './direct/direct-door';
import { LayerDoor } from './layers/layer-door';
import type { Pacer } from './jobs/pacer';
import type { NodeLogger } from './logger';
import type { NodeView } from './node-view';
import type { ShardKeeper } from './shard/shard-keeper';
import type { ShardReach } from './shard/shard-service';

/** Smaller is preferred; the way over the coordinator always works. */
const PRIORITIES = { direct: 5, relay: 10, http: 20, layers: 30 } as const;

/** What takes what arrives through the doors. */
export interface DoorGuests {
  /** A frame of one request over a neighbour's link. */
  onFrame(requestId: string, bytes: Uint8Array): void;
  /** The link of a request to its next hop failed. */
  onLinkLost(requestId: string): void;
  /** Lets in what coordinators ask for over HTTP. */
  readonly gate: ForwardGate;
}

/** The ports this node listens on, as far as the preferences ask for any, and how coordinators hear of them. */
export class NodeDoors {
  readonly direct: DirectDoor;
  private readonly http: ActivationDoor;
  private readonly layers: LayerDoor;

  constructor(
    keeper: ShardKeeper,
    view: NodeView,
    logger: NodeLogger,
    guests: DoorGuests,
    traffic: LinkTraffic,
    pacer: Pacer,
  ) {
    this.http = new ActivationDoor(keeper, view, guests.gate, pacer, logger);
    this.layers = new LayerDoor(() => keeper.sharedModel, systemClock, logger);
    this.direct = new DirectDoor(
      (requestId, bytes) => guests.onFrame(requestId, bytes),
      (requestId) => guests.onLinkLost(requestId),
      logger,
      traffic,
    );
  }

  /** Opens and closes doors as the preferences say, and tells how the shard is reached. */
  async open(
    connection: CoordinatorConnection,
    preferences: NodePreferences,
    nodeId: string,
  ): Promise<Result<ShardReach>> {
    const { region, activationServer, directLinks = null, layerSharing = null } = preferences;
    const isRelayed = connection.transport === 'websocket';
    const reach: { host: string | null; port: number | null; transports: ShardReach['transports'][number][] } = {
      host: null,
      port: null,
      transports: isRelayed ? [{ transport: 'ws-relay', version: '1', priority: PRIORITIES.relay }] : [],
    };
    if (isRelayed && directLinks !== null) {
      const opened = await this.direct.open(directLinks);
      if (!opened.ok) return opened;
      const { host, port } = opened.value;
      reach.host = host;
      reach.transports.push({ transport: 'ws-direct', version: '1', port, priority: PRIORITIES.direct });
    } else await this.direct.close();
    if (isRelayed && !activationServer.enabled) {
      await this.http.close();
    } else {
      const opened = await this.http.open(activationServer, nodeId);
      if (!opened.ok) return opened;
      const { host, port } = opened.value;
      // A shard has one host; both doors are doors of this computer.
      reach.host ??= host;
      reach.port = port;
      reach.transports.push({ transport: 'http', version: '1', port, priority: PRIORITIES.http });
    }
    if (layerSharing === null) await this.layers.close();
    else {
      const opened = await this.layers.open(layerSharing);
      if (!opened.ok) return opened;
      const { host, port } = opened.value;
      reach.host ??= host;
      reach.transports.push({ transport: LAYERS_TRANSPORT, version: '1', port, priority: PRIORITIES.layers });
    }
    return success({ nodeId, region, ...reach });
  }

  async close(): Promise<void> {
    await this.direct.close();
    await this.http.close();
    await this.layers.close();
  }
}
