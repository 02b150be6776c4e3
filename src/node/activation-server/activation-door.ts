import type { FastifyInstance } from 'fastify';
import type { ActivationServerPreferences } from '../contributor-options';
import { success, type Result } from '../../protocol/result';
import { nodeFailure, reasonOf, type NodeErrorCode } from '../errors';
import { pacedEngine, type Pacer } from '../jobs/pacer';
import type { NodeLogger } from '../logger';
import type { NodeView } from '../node-view';
import type { ShardKeeper } from '../shard/shard-keeper';
import { createActivationServer } from './activation-server';
import { announcedAddress } from './announced-address';
import type { ForwardGate } from './forward-gate';

export interface OpenDoor {
  /** Where coordinators find the server. */
  readonly host: string;
  readonly port: number;
}

/** Opens and closes the node's activation server as the preferences ask. */
export class ActivationDoor {
  private current: { readonly key: string; readonly server: FastifyInstance; readonly door: OpenDoor } | null = null;

  constructor(
    private readonly keeper: ShardKeeper,
    private readonly view: NodeView,
    private readonly gate: ForwardGate,
    private readonly pacer: Pacer,
    private readonly logger: NodeLogger,
  ) {}

  /** Listens where the preferences say; does nothing when it does already. */
  async open(preferences: ActivationServerPreferences, nodeId: string): Promise<Result<OpenDoor, NodeErrorCode>> {
    const key = JSON.stringify([preferences.host, preferences.port, preferences.announcedHost, nodeId]);
    if (this.current?.key === key) return success(this.current.door);
    await this.close();
    const { keeper, view, gate, pacer } = this;
    const server = createActivationServer(
      {
        nodeId,
        shard: () => keeper.served,
        engine: () => (keeper.engine === null ? null : pacedEngine(keeper.engine, pacer)),
        gate,
        onStep: (flops) => view.countStep(flops),
        onServed: () => view.countServed(),
        onFailed: () => view.countFailed(),
      },
      this.logger,
    );
    try {
      await server.listen({ host: preferences.host, port: preferences.port });
    } catch (thrown) {
      await server.close();
      return nodeFailure(
        'listen-failed',
        `The activation server cannot listen on ${preferences.host}:${preferences.port}: ${reasonOf(thrown)}.`,
        { suggestion: 'Choose another port or address.' },
      );
    }
    const address = server.server.address();
    const port = typeof address === 'object' && address !== null ? address.port : preferences.port;
    const door = { host: preferences.announcedHost ?? announcedAddress(preferences.host), port };
    this.logger.info('The activation server listens', { host: preferences.host, port });
    this.current = { key, server, door };
    return success(door);
  }

  async close(): Promise<void> {
    const { current } = this;
    this.current = null;
    if (current === null) return;
    current.server.server.closeAllConnections();
    await current.server.close();
  }
}
