import { Type, type Static } from 'typebox';
import { MODEL_LIMITS } from '../model';
import { PrecisionName } from './tokens';

/** No way to reach a shard: where other nodes may read the model's files it holds, as from a coordinator. */
export const LAYERS_TRANSPORT = 'layers-http';

/**
 * A way to reach a shard's node: `http` (baseline), `ws-relay` (its own connection to the coordinator) or `ws-direct`.
 * `layers-http` stands beside them.
 */
export const TransportOffer = Type.Object({
  transport: Type.String({ minLength: 1, maxLength: 40 }),
  version: Type.String({ maxLength: 20 }),
  port: Type.Optional(Type.Union([Type.Integer({ minimum: 0, maximum: 65_535 }), Type.Null()])),
  /** Smaller is preferred. */
  priority: Type.Integer({ minimum: 0, maximum: 1_000 }),
});
export type TransportOffer = Static<typeof TransportOffer>;

/** Body of `POST /inference/shards/register`. Layers are inclusive. Clients without `transports` are reached by HTTP. */
export const ShardRegistration = Type.Object({
  node_id: Type.String({ minLength: 1, maxLength: 200 }),
  model_id: Type.String({ minLength: 1, maxLength: 200 }),
  layer_start: Type.Integer({ minimum: 0, maximum: MODEL_LIMITS.maxLayers - 1 }),
  layer_end: Type.Integer({ minimum: 0, maximum: MODEL_LIMITS.maxLayers - 1 }),
  vram_gb: Type.Optional(Type.Number({ minimum: 0, maximum: 100_000, default: 0 })),
  region: Type.Optional(Type.Union([Type.String({ maxLength: 40 }), Type.Null()])),
  host: Type.Optional(Type.Union([Type.String({ maxLength: 255 }), Type.Null()])),
  port: Type.Optional(Type.Union([Type.Integer({ minimum: 0, maximum: 65_535 }), Type.Null()])),
  transports: Type.Optional(Type.Array(TransportOffer, { maxItems: 16 })),
  /** SHA-256 of the model manifest the shard was cut from; foreign clients leave it out. */
  manifest_hash: Type.Optional(Type.Union([Type.String({ pattern: '^[0-9a-f]{64}$' }), Type.Null()])),
  /** How the weights are held; `fp32` where it is left out. Shards of different precisions never share a pipeline. */
  precision: Type.Optional(Type.Union([PrecisionName, Type.Null()])),
  /** The execution provider that runs it, such as `cpu` or `webgpu`, or of several `cuda+cpu`: like replaces like where a choice is left. */
  provider: Type.Optional(Type.Union([Type.String({ minLength: 1, maxLength: 40 }), Type.Null()])),
});
export type ShardRegistration = Static<typeof ShardRegistration>;

/** Answer of `POST /inference/shards/register`. */
export const ShardRegistrationAnswer = Type.Object({
  shard_id: Type.String(),
  node_id: Type.String(),
  model_id: Type.String(),
  /** `first-last`, inclusive. */
  layers: Type.String(),
  layer_count: Type.Integer({ minimum: 1 }),
});
export type ShardRegistrationAnswer = Static<typeof ShardRegistrationAnswer>;

/** Answer of `POST /inference/shards/heartbeat/{node_id}`; status 404 means: register again. */
export const ShardHeartbeatAnswer = Type.Object({
  status: Type.Literal('ok'),
  node_id: Type.String(),
  shards: Type.Integer({ minimum: 1 }),
});
export type ShardHeartbeatAnswer = Static<typeof ShardHeartbeatAnswer>;

/** Answer of `DELETE /inference/shards/{node_id}`. */
export const ShardRemovalAnswer = Type.Object({
  status: Type.Literal('deregistered'),
  node_id: Type.String(),
  shards_removed: Type.Integer({ minimum: 0 }),
  layers: Type.Array(Type.String()),
  models: Type.Array(Type.String()),
});
export type ShardRemovalAnswer = Static<typeof ShardRemovalAnswer>;

/** One registered shard as the lists show it. */
export const ShardListing = Type.Object({
  shard_id: Type.String(),
  node_id: Type.String(),
  model_id: Type.String(),
  layer_start: Type.Integer({ minimum: 0 }),
  layer_end: Type.Integer({ minimum: 0 }),
  layer_count: Type.Integer({ minimum: 1 }),
  is_online: Type.Boolean(),
  vram_gb: Type.Number(),
  region: Type.Union([Type.String(), Type.Null()]),
  host: Type.Union([Type.String(), Type.Null()]),
  port: Type.Union([Type.Integer(), Type.Null()]),
  transports: Type.Array(TransportOffer),
  manifest_hash: Type.Union([Type.String(), Type.Null()]),
  precision: PrecisionName,
  provider: Type.Union([Type.String(), Type.Null()]),
});
export type ShardListing = Static<typeof ShardListing>;

/** Answer of `GET /inference/shards/node/{node_id}`. */
export const NodeShards = Type.Object({ node_id: Type.String(), shards: Type.Array(ShardListing) });
export type NodeShards = Static<typeof NodeShards>;

/** Answer of `GET /inference/shards/registry`. */
export const ShardRegistryListing = Type.Object({
  summary: Type.Record(
    Type.String(),
    Type.Object({
      online: Type.Integer({ minimum: 0 }),
      offline: Type.Integer({ minimum: 0 }),
      layers_covered: Type.Integer({ minimum: 0 }),
    }),
  ),
  models: Type.Array(Type.String()),
  shards: Type.Array(ShardListing),
  total_nodes: Type.Integer({ minimum: 0 }),
  total_shards: Type.Integer({ minimum: 0 }),
});
export type ShardRegistryListing = Static<typeof ShardRegistryListing>;
