import { Type } from 'typebox';
import {
  ShardRegistration,
  type NodeShards,
  type ShardHeartbeatAnswer,
  type ShardRegistryListing,
  type ShardRemovalAnswer,
} from '../../../protocol/compute/http/shards';
import { success } from '../../../protocol/result';
import { refuse } from '../../errors';
import { holdersPerLayer } from '../../scheduling/coverage';
import type { RegisteredShard } from '../../scheduling/shard-registry';
import type { CoordinatorServices } from '../../services';
import { sendResult, type ApiServer } from '../server-types';

const ShardNodeParams = Type.Object({ node_id: Type.String({ minLength: 1, maxLength: 200 }) });
const RemovalQuery = Type.Object({ model_id: Type.Optional(Type.String({ maxLength: 200 })) });

/** The failure that tells a node to register its shards again. */
function noShards(nodeId: string): ReturnType<typeof refuse> {
  return refuse('shard-unknown', `No shard of node ${nodeId} is registered.`, {
    suggestion: 'Register again; a restarted coordinator knows no shards.',
  });
}

function layersOf(shard: RegisteredShard): string {
  return `${shard.layerStart}-${shard.layerEnd}`;
}

/** `/inference/shards/*`: who holds which layers. */
export function shardRoutes(app: ApiServer, services: CoordinatorServices): void {
  const { registry, shards, catalogue } = services;

  app.post('/inference/shards/register', { schema: { body: ShardRegistration } }, async (request, reply) =>
    sendResult(reply, await shards.register(request.body, { channel: 'http' }), { statuses: { 'model-unknown': 400 } }),
  );

  app.post('/inference/shards/heartbeat/:node_id', { schema: { params: ShardNodeParams } }, async (request, reply) => {
    const nodeId = request.params.node_id;
    const held = registry.heartbeat(nodeId);
    if (held === 0) return sendResult(reply, noShards(nodeId));
    await services.nodes.touch(nodeId);
    services.hub.coverageMayHaveChanged();
    const answer: ShardHeartbeatAnswer = { status: 'ok', node_id: nodeId, shards: held };
    return reply.send(answer);
  });

  app.delete(
    '/inference/shards/:node_id',
    { schema: { params: ShardNodeParams, querystring: RemovalQuery } },
    (request, reply) => {
      const nodeId = request.params.node_id;
      const { model_id: modelId } = request.query;
      const removed = shards.remove(nodeId, modelId === '' ? undefined : modelId);
      if (removed.length === 0) return sendResult(reply, noShards(nodeId));
      const answer: ShardRemovalAnswer = {
        status: 'deregistered',
        node_id: nodeId,
        shards_removed: removed.length,
        layers: removed.map(layersOf),
        models: [...new Set(removed.map((shard) => shard.modelId))],
      };
      return reply.send(answer);
    },
  );

  app.get('/inference/shards/node/:node_id', { schema: { params: ShardNodeParams } }, (request, reply) => {
    const nodeId = request.params.node_id;
    const held = registry.shardsOfNode(nodeId);
    if (held.length === 0) return sendResult(reply, noShards(nodeId));
    const answer: NodeShards = { node_id: nodeId, shards: held.map((shard) => registry.listing(shard)) };
    return sendResult(reply, success(answer));
  });

  app.get('/inference/shards/registry', (): ShardRegistryListing => {
    const all = registry.all();
    const listed = all.map((shard) => registry.listing(shard));
    const summary: ShardRegistryListing['summary'] = {};
    for (const model of catalogue.all()) {
      const { model_id: modelId, total_layers: totalLayers } = model.manifest;
      const held = all.filter((shard) => shard.modelId === modelId);
      const online = held.filter((shard) => registry.reach(shard) !== null);
      summary[modelId] = {
        online: online.length,
        offline: held.length - online.length,
        layers_covered: holdersPerLayer(online, totalLayers).filter((count) => count > 0).length,
      };
    }
    return {
      summary,
      models: catalogue.all().map((model) => model.manifest.friendly_name),
      shards: listed,
      total_nodes: new Set(all.map((shard) => shard.nodeId)).size,
      total_shards: all.length,
    };
  });
}
