import { Type, type Static } from 'typebox';
import { ChatMessage, FinishReason, Sampling, SAMPLING_LIMITS, Sha256 } from '../model';
import { TokenLogProbabilities } from '../log-probabilities';
import { FederatedAnswer } from './federated-answer';
import { PrecisionName } from './tokens';

const ModelId = Type.String({ minLength: 1, maxLength: 200 });

/** One model of `GET /inference/models`. */
export const ModelListing = Type.Object({
  model_id: ModelId,
  friendly_name: Type.String(),
  total_layers: Type.Integer({ minimum: 1 }),
  /** Fewest nodes of 8 GB that hold it. */
  min_nodes: Type.Integer({ minimum: 1 }),
  /** Nodes after which every layer is held twice. */
  optimal_nodes: Type.Integer({ minimum: 1 }),
  pipeline_available: Type.Boolean(),
  registry: Type.Object({
    online: Type.Integer({ minimum: 0 }),
    offline: Type.Integer({ minimum: 0 }),
    layers_covered: Type.Integer({ minimum: 0 }),
  }),
  /** Prompt and answer together. */
  context_length: Type.Integer({ minimum: 1 }),
  /** Names the manifest, and with it the address of the model's files here. */
  manifest_hash: Sha256,
  /** The coordinator that answers for this model, under an agreement, while the own nodes do not. */
  served_by: Type.Optional(Type.String({ maxLength: 200 })),
});
export type ModelListing = Static<typeof ModelListing>;

export const ModelListings = Type.Object({ models: Type.Array(ModelListing) });
export type ModelListings = Static<typeof ModelListings>;

/** Answer of `GET /inference/pipeline/{model_id}`. */
export const PipelineStatus = Type.Object({
  available: Type.Boolean(),
  model_id: ModelId,
  friendly_name: Type.String(),
  total_layers: Type.Integer({ minimum: 1 }),
  layers_covered: Type.Integer({ minimum: 0 }),
  /** At most the first ten. */
  layers_missing: Type.Array(Type.Integer({ minimum: 0 }), { maxItems: 10 }),
  online_nodes: Type.Integer({ minimum: 0 }),
  /** Node ids of the pipeline a request would take now, first layer first. */
  pipeline_nodes: Type.Array(Type.String()),
  reason: Type.String(),
});
export type PipelineStatus = Static<typeof PipelineStatus>;

/** Answer of `GET /inference/suggest/{model_id}`; layers are inclusive. */
export const LayerSuggestion = Type.Object({
  model_id: ModelId,
  layer_start: Type.Integer({ minimum: 0 }),
  layer_end: Type.Integer({ minimum: 0 }),
  layer_count: Type.Integer({ minimum: 1 }),
  total_layers: Type.Integer({ minimum: 1 }),
  vram_required_gb: Type.Number({ minimum: 0 }),
  /** How the layers should be held; a pipeline has one precision. */
  precision: Type.Optional(PrecisionName),
  /**
   * For a node that serves already, where the query names one: layers it should hold instead of its own, or null where it
   * helps best. It may decline by staying. `gain`: throughput of the weakest layer relative to now; null where the move
   * fills missing layers.
   */
  move: Type.Optional(
    Type.Union([
      Type.Object({
        layer_start: Type.Integer({ minimum: 0 }),
        layer_end: Type.Integer({ minimum: 0 }),
        gain: Type.Union([Type.Number({ minimum: 1 }), Type.Null()]),
      }),
      Type.Null(),
    ]),
  ),
});
export type LayerSuggestion = Static<typeof LayerSuggestion>;

/** Answer of `GET /inference/cost/estimate`. */
export const InferenceCostEstimate = Type.Object({
  model_id: ModelId,
  max_new_tokens: Type.Integer({ minimum: 1 }),
  precision: Type.String(),
  estimated_gft: Type.Number({ minimum: 0 }),
});
export type InferenceCostEstimate = Static<typeof InferenceCostEstimate>;

/** Body of `POST /inference/generate`. */
export const GenerateBody = Type.Object({
  node_id: Type.String({ minLength: 1, maxLength: 200 }),
  model_id: ModelId,
  /** Taken as it is; give `messages` to have the model's chat template applied. */
  prompt: Type.Optional(Type.Union([Type.String({ maxLength: 1_000_000 }), Type.Null()])),
  messages: Type.Optional(Type.Union([Type.Array(ChatMessage, { minItems: 1, maxItems: 1_000 }), Type.Null()])),
  max_new_tokens: Type.Optional(Type.Integer({ minimum: 1, maximum: SAMPLING_LIMITS.maxNewTokens, default: 256 })),
  temperature: Type.Optional(Type.Number({ minimum: 0, maximum: 5, default: 0.7 })),
  /** Overrides `temperature` and adds the other settings. */
  sampling: Type.Optional(Type.Union([Sampling, Type.Null()])),
  precision: Type.Optional(PrecisionName),
  force_backend: Type.Optional(
    Type.Union([Type.Literal('distributed'), Type.Literal('fallback'), Type.Null()], {
      description: 'Nodes alone, or the fallback server alone. Absent: nodes, else what the operator set.',
    }),
  ),
  request_id: Type.Optional(Type.Union([Type.String({ minLength: 1, maxLength: 200 }), Type.Null()])),
  session_id: Type.Optional(Type.Union([Type.String({ maxLength: 200 }), Type.Null()])),
  participant_id: Type.Optional(Type.Union([Type.String({ maxLength: 200 }), Type.Null()])),
});
export type GenerateBody = Static<typeof GenerateBody>;

/** Query of `GET /inference/queue`; both name a request, none asks for the queue alone. */
export const QueueQuery = Type.Object({
  node_id: Type.Optional(Type.String({ minLength: 1, maxLength: 200 })),
  request_id: Type.Optional(Type.String({ minLength: 1, maxLength: 200 })),
});

/** Answer of `GET /inference/queue`. */
export const QueueStatus = Type.Object({
  running: Type.Integer({ minimum: 0 }),
  running_limit: Type.Integer({ minimum: 1 }),
  waiting: Type.Integer({ minimum: 0 }),
  waiting_limit: Type.Integer({ minimum: 0 }),
  /** When there may be room for one more. */
  retry_after_seconds: Type.Integer({ minimum: 1 }),
  /** The request that was asked for; null when none of this id is under way. `position` 1 is next. */
  request: Type.Union([
    Type.Object({
      state: Type.Union([Type.Literal('waiting'), Type.Literal('running')]),
      position: Type.Union([Type.Integer({ minimum: 1 }), Type.Null()]),
    }),
    Type.Null(),
  ]),
});
export type QueueStatus = Static<typeof QueueStatus>;

/** The baseline's single answer of `POST /inference/generate`. */
export const GenerateAnswer = Type.Object({
  text: Type.String(),
  tokens: Type.Integer({ minimum: 0 }),
  input_tokens: Type.Integer({ minimum: 0 }),
  gft_deducted: Type.Number(),
  new_balance: Type.Number(),
  /** `distributed` or `fallback`. */
  backend: Type.String(),
  /** Node ids, first layer first. */
  pipeline: Type.Array(Type.String()),
  latency_ms: Type.Number({ minimum: 0 }),
  model_id: ModelId,
  /** Id of the ledger entry that paid; empty when nothing was paid. */
  ledger_ref: Type.String(),
  confirmed_at: Type.String(),
  request_id: Type.String(),
  finish_reason: FinishReason,
  /**
   * Where the sampling asked for them: of each token in order, null where the node that sampled gave none. Left out of a
   * stream, whose `token` events carry them, and where nodes gave none at all.
   */
  logprobs: Type.Optional(
    Type.Array(Type.Union([TokenLogProbabilities, Type.Null()]), { maxItems: SAMPLING_LIMITS.maxNewTokens }),
  ),
  /** With backend `federated`: who served, and what it came to between the coordinators. */
  federation: Type.Optional(FederatedAnswer),
});
export type GenerateAnswer = Static<typeof GenerateAnswer>;
