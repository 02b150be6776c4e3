import { Type, type Static } from 'typebox';

/** Limits on what a model file or a foreign manifest may claim; each bounds the memory a reader may be made to allocate. */
export const MODEL_LIMITS = {
  /** The deepest published open models have about 130 layers. */
  maxLayers: 1_024,
  /** Largest published hidden size is 18,432; room for twice that. */
  maxHiddenSize: 65_536,
  maxFeedForwardSize: 262_144,
  /** Largest published vocabularies are near 260,000. */
  maxVocabularySize: 1_048_576,
  maxContextLength: 16_777_216,
  maxHeads: 1_024,
  maxHeadSize: 1_024,
} as const;

/**
 * Sizes of a decoder-only transformer, all that is needed to count its work and its memory.
 * Heads × head size may differ from the hidden size.
 */
export const ModelShape = Type.Object({
  layers: Type.Integer({ minimum: 1, maximum: MODEL_LIMITS.maxLayers }),
  hidden_size: Type.Integer({ minimum: 1, maximum: MODEL_LIMITS.maxHiddenSize }),
  feed_forward_size: Type.Integer({ minimum: 1, maximum: MODEL_LIMITS.maxFeedForwardSize }),
  attention_heads: Type.Integer({ minimum: 1, maximum: MODEL_LIMITS.maxHeads }),
  key_value_heads: Type.Integer({ minimum: 1, maximum: MODEL_LIMITS.maxHeads }),
  head_size: Type.Integer({ minimum: 1, maximum: MODEL_LIMITS.maxHeadSize }),
  vocabulary_size: Type.Integer({ minimum: 1, maximum: MODEL_LIMITS.maxVocabularySize }),
  context_length: Type.Integer({ minimum: 1, maximum: MODEL_LIMITS.maxContextLength }),
});
export type ModelShape = Static<typeof ModelShape>;

/** SHA-256 in lower-case hexadecimal. */
export const Sha256 = Type.String({ pattern: '^[0-9a-f]{64}$' });

/**
 * What a model is, so that nodes which never met can serve parts of the same one (tore-0001, model manifest).
 * `manifest_hash` is the SHA-256 of the canonical JSON of this object; shards of different hashes never share a pipeline.
 */
export const ModelManifest = Type.Object({
  /** May hold slashes, as hub names do. */
  model_id: Type.String({ minLength: 1, maxLength: 200 }),
  friendly_name: Type.String({ minLength: 1, maxLength: 200 }),
  architecture: Type.String({ minLength: 1, maxLength: 100 }),
  total_layers: Type.Integer({ minimum: 1, maximum: MODEL_LIMITS.maxLayers }),
  hidden_size: Type.Integer({ minimum: 1, maximum: MODEL_LIMITS.maxHiddenSize }),
  vocab_size: Type.Integer({ minimum: 1, maximum: MODEL_LIMITS.maxVocabularySize }),
  context_length: Type.Integer({ minimum: 1, maximum: MODEL_LIMITS.maxContextLength }),
  shape: ModelShape,
  /** Bytes of the stored weights of each layer, index = layer. */
  bytes_per_layer: Type.Array(Type.Integer({ minimum: 0 }), { maxItems: MODEL_LIMITS.maxLayers }),
  /** Bytes of the embedding (first shard) and of the head with the last norm (last shard). */
  embedding_bytes: Type.Integer({ minimum: 0 }),
  head_bytes: Type.Integer({ minimum: 0 }),
  /** FLOPs of one position through the whole model at position 0, by `countFlops`. */
  flops_per_token: Type.Integer({ minimum: 0 }),
  formats: Type.Array(Type.String({ maxLength: 20 }), { maxItems: 16 }),
  files: Type.Array(
    Type.Object({ path: Type.String({ maxLength: 400 }), size_bytes: Type.Integer({ minimum: 0 }), sha256: Sha256 }),
    { maxItems: 4_096 },
  ),
  /** SHA-256 of the canonical JSON of the index of the weights (weight-index.ts); absent where only whole files are offered. */
  weights_sha256: Type.Optional(Sha256),
  tokenizer: Type.String({ maxLength: 100 }),
  chat_template: Type.Union([Type.String({ maxLength: 100_000 }), Type.Null()]),
  licence: Type.Union([Type.String({ maxLength: 200 }), Type.Null()]),
  source: Type.Union([Type.String({ maxLength: 2_000 }), Type.Null()]),
});
export type ModelManifest = Static<typeof ModelManifest>;

/** Neighbouring layers of one model, both ends inclusive and counted from 0, as on the wire. */
export const LayerRange = Type.Object({
  layer_start: Type.Integer({ minimum: 0, maximum: MODEL_LIMITS.maxLayers - 1 }),
  layer_end: Type.Integer({ minimum: 0, maximum: MODEL_LIMITS.maxLayers - 1 }),
});
export type LayerRange = Static<typeof LayerRange>;

/** Largest number of stop strings and their length, so that matching a stop stays cheap for every token. */
export const SAMPLING_LIMITS = {
  maxStopStrings: 16,
  maxStopLength: 200,
  maxNewTokens: 32_768,
  /** As many alternatives as chat services in common use give. */
  maxTopLogProbabilities: 20,
} as const;

/**
 * How the last shard picks the next token. `temperature` 0 is greedy and exact; `top_k` 0 and `top_p` 1 switch those off.
 * The same seed over the same logits gives the same tokens.
 *
 * The penalties count the tokens of the answer, not those of the prompt: the last node of a pipeline never sees the prompt.
 */
export const Sampling = Type.Object({
  temperature: Type.Number({ minimum: 0, maximum: 5 }),
  top_k: Type.Integer({ minimum: 0, maximum: MODEL_LIMITS.maxVocabularySize }),
  top_p: Type.Number({ exclusiveMinimum: 0, maximum: 1 }),
  seed: Type.Optional(Type.Integer({ minimum: 0, maximum: 4_294_967_295 })),
  stop: Type.Optional(
    Type.Array(Type.String({ minLength: 1, maxLength: SAMPLING_LIMITS.maxStopLength }), {
      maxItems: SAMPLING_LIMITS.maxStopStrings,
    }),
  ),
  /** Tokens less likely than this share of the likeliest one's probability are not picked; 0 switches it off. */
  min_p: Type.Optional(Type.Number({ minimum: 0, maximum: 1 })),
  /** Divides the positive logits of tokens that occurred, and multiplies the negative ones (Keskar et al. 2019); 1 switches it off. */
  repetition_penalty: Type.Optional(Type.Number({ minimum: 0.1, maximum: 10 })),
  /** Taken from a token's logit for each time it occurred. */
  frequency_penalty: Type.Optional(Type.Number({ minimum: -2, maximum: 2 })),
  /** Taken from a token's logit once it occurred. */
  presence_penalty: Type.Optional(Type.Number({ minimum: -2, maximum: 2 })),
  /**
   * Gives each token's natural log-probability, and those of so many of the likeliest tokens: softmax of the model's logits
   * as they are, before penalties, temperature and cuts. 0 gives that of the token alone; absent gives none.
   */
  top_logprobs: Type.Optional(Type.Integer({ minimum: 0, maximum: SAMPLING_LIMITS.maxTopLogProbabilities })),
});
export type Sampling = Static<typeof Sampling>;

/** One message of a chat before the model's template is applied. */
export const ChatMessage = Type.Object({
  role: Type.Union([Type.Literal('system'), Type.Literal('user'), Type.Literal('assistant')]),
  content: Type.String({ maxLength: 1_000_000 }),
});
export type ChatMessage = Static<typeof ChatMessage>;

/** Why generation ended. `length` covers both the token limit and the end of the context. */
export const FinishReason = Type.Union([
  Type.Literal('stop'),
  Type.Literal('length'),
  Type.Literal('cancelled'),
  Type.Literal('error'),
]);
export type FinishReason = Static<typeof FinishReason>;
