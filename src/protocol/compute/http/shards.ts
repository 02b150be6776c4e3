import { Type, type Static } from 'typebox';
import { MODEL_LIMITS } from '../model';

/** A way to reach a shard's node: `http` (baseline), `ws-relay` (its own connection to the coordinator) or `ws-direct`. */
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
});
export type ShardRegistration = Static<typeof ShardRegistration>;
