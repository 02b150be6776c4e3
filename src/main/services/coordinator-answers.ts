import { Type, type Static } from 'typebox';

/*
 * Answers of a coordinator as the app reads them. Foreign coordinators leave fields out, send null for absent ones and
 * add their own, so only what is shown is asked for (tore-0001, observed wire).
 */

const ModelId = Type.String({ minLength: 1, maxLength: 200 });
const Layers = Type.Integer({ minimum: 1, maximum: 1_024 });
const LayerIndex = Type.Integer({ minimum: 0, maximum: 1_023 });
const OptionalText = Type.Optional(Type.Union([Type.String({ maxLength: 2_000 }), Type.Null()]));
const OptionalNumber = Type.Optional(Type.Union([Type.Number(), Type.Null()]));
/** Largest amount whose micro-GFT stay exact. */
const Gft = Type.Number({ minimum: -9_007_199_254, maximum: 9_007_199_254 });

export const ModelsAnswer = Type.Object({
  models: Type.Array(
    Type.Object({
      model_id: ModelId,
      friendly_name: OptionalText,
      total_layers: Layers,
      pipeline_available: Type.Optional(Type.Boolean()),
      registry: Type.Optional(Type.Object({ online: Type.Optional(Type.Integer({ minimum: 0 })) })),
      context_length: Type.Optional(Type.Integer({ minimum: 1 })),
    }),
    { maxItems: 10_000 },
  ),
});
export type ModelsAnswer = Static<typeof ModelsAnswer>;

export const PipelineAnswer = Type.Object({
  available: Type.Boolean(),
  friendly_name: OptionalText,
  total_layers: Layers,
  reason: OptionalText,
});
export type PipelineAnswer = Static<typeof PipelineAnswer>;

export const RegistryAnswer = Type.Object({
  shards: Type.Array(
    Type.Object({
      node_id: Type.String({ maxLength: 200 }),
      model_id: ModelId,
      layer_start: LayerIndex,
      layer_end: LayerIndex,
      is_online: Type.Optional(Type.Boolean()),
    }),
    { maxItems: 100_000 },
  ),
});
export type RegistryAnswer = Static<typeof RegistryAnswer>;

export const CostAnswer = Type.Object({ estimated_gft: Gft });

export const BalanceAnswer = Type.Object({
  balance: Gft,
  total_earned: Gft,
  total_spent: Gft,
  expiring: Type.Optional(
    Type.Union([
      Type.Array(Type.Object({ amount: Gft, expires_on: Type.String({ pattern: '^\\d{4}-\\d{2}-\\d{2}$' }) }), {
        maxItems: 400,
      }),
      Type.Null(),
    ]),
  ),
});

export const HistoryAnswer = Type.Object({
  entries: Type.Array(
    Type.Object({
      id: Type.String({ maxLength: 200 }),
      event_type: Type.Union([
        Type.Literal('issuance'),
        Type.Literal('redemption'),
        Type.Literal('purchase'),
        Type.Literal('expiry'),
        Type.Literal('penalty'),
      ]),
      node_id: Type.String({ maxLength: 200 }),
      amount: Gft,
      task_id: OptionalText,
      inference_request_id: OptionalText,
      flops_delivered: OptionalNumber,
      flops_consumed: OptionalNumber,
      reason: OptionalText,
      entry_hash: Type.String({ maxLength: 200 }),
      timestamp: Type.String({ maxLength: 100 }),
      expires_at: OptionalText,
    }),
    { maxItems: 10_000 },
  ),
});
export type HistoryAnswer = Static<typeof HistoryAnswer>;

export const VerificationAnswer = Type.Object({
  chain_valid: Type.Boolean(),
  total_entries: Type.Integer({ minimum: 0 }),
  problem: OptionalText,
});
