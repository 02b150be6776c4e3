import { Type, type Static } from 'typebox';
import { ChatMessage, FinishReason, MODEL_LIMITS, Sampling, SAMPLING_LIMITS, Sha256 } from '../compute/model';
import { ACTIVATION_DTYPES } from './activation-coding';
import { STEP_PURPOSES } from './activation-frame';
import { WIRE_LIMITS } from './limits';
import { Base64, message, ShortText, Uuid } from './message-fields';

/*
 * One request on the nodes of its pipeline. Activations travel beside these messages as binary frames.
 *
 *   coordinator                               node
 *     pipeline-open            ────────────▶  every shard
 *                              ◀────────────  pipeline-opened, the first with the prompt's token ids
 *     pipeline-begin           ────────────▶  every shard: how long it can become
 *     pipeline-step {ids}      ────────────▶  first shard; several may be on the way
 *     pipeline-expect          ────────────▶  last shard, before a step that verifies guessed tokens
 *            (activation frames from hop to hop: relayed, or over a link of the nodes' own)
 *                              ◀────────────  pipeline-progress: a step is done here, or long work still goes on
 *                              ◀────────────  pipeline-token, last shard
 *                              ◀────────────  pipeline-unlinked: the own link failed; frames come to the coordinator now
 *     pipeline-route           ────────────▶  the pipeline was repaired: other neighbours, other hop numbers
 *     pipeline-close           ────────────▶
 */

const HopIndex = Type.Integer({ minimum: 0, maximum: WIRE_LIMITS.maxHops - 1 });
const HopCount = Type.Integer({ minimum: 1, maximum: WIRE_LIMITS.maxHops });
export const TokenId = Type.Integer({ minimum: 0, maximum: MODEL_LIMITS.maxVocabularySize });
export const Position = Type.Integer({ minimum: 0, maximum: WIRE_LIMITS.maxPosition });
/** Counted by the coordinator for each request, modulo 65,536. */
export const StepNumber = Type.Integer({ minimum: 0, maximum: WIRE_LIMITS.maxStepNumber });

/** Where a node sends its activations by itself. The secret belongs to this link of this pipeline alone. */
export const DirectPeer = Type.Object({
  node_id: Type.String({ minLength: 1, maxLength: 200 }),
  host: Type.String({ minLength: 1, maxLength: 255 }),
  port: Type.Integer({ minimum: 1, maximum: 65_535 }),
  secret: Base64,
});
export type DirectPeer = Static<typeof DirectPeer>;

export const PipelineOpenMessage = message('pipeline-open', {
  request_id: Uuid,
  hop: HopIndex,
  hops: HopCount,
  model_id: Type.String({ minLength: 1, maxLength: 200 }),
  manifest_hash: Type.Union([Sha256, Type.Null()]),
  layer_start: Type.Integer({ minimum: 0, maximum: MODEL_LIMITS.maxLayers }),
  layer_end: Type.Integer({ minimum: 0, maximum: MODEL_LIMITS.maxLayers }),
  activation_dtype: Type.Enum(ACTIVATION_DTYPES),
  max_new_tokens: Type.Integer({ minimum: 1, maximum: SAMPLING_LIMITS.maxNewTokens }),
  /**
   * The same for requests of one requester, without saying whose, and for no others: a node may answer a prompt's beginning
   * from what it computed for an earlier request of the same scope. Left out: nothing is kept of this request.
   */
  reuse_scope: Type.Optional(Type.String({ minLength: 16, maxLength: 100 })),
  /**
   * False: tokens are drawn at random and nobody asked for the same ones again, so a step may round as the node is fastest.
   * Left out: the answer must not depend on what else the node serves, and guesses and replays change no bit of it.
   */
  repeatable: Type.Optional(Type.Boolean()),
  /** The shard takes over from a lost one: its text was tokenized before. */
  takes_over: Type.Optional(Type.Boolean()),
  /** First shard only: what to tokenize. */
  prompt: Type.Optional(Type.String({ maxLength: 1_000_000 })),
  messages: Type.Optional(Type.Array(ChatMessage, { minItems: 1, maxItems: 1_000 })),
  /** Last shard only: how to sample. */
  sampling: Type.Optional(Sampling),
  /** Frames for the next hop go there; without it they come to the coordinator. */
  next: Type.Optional(DirectPeer),
  /** The previous hop may send frames by itself, proving that it holds this secret. */
  previous_secret: Type.Optional(Base64),
});

export const PipelineBeginMessage = message('pipeline-begin', {
  request_id: Uuid,
  /** Prompt and answer together. */
  positions: Type.Integer({ minimum: 1, maximum: WIRE_LIMITS.maxPosition }),
  /** Last shard that takes over: what was answered so far, so that sampling and stop strings go on from there. */
  answered: Type.Optional(
    Type.Object({
      input_tokens: Position,
      token_ids: Type.Array(TokenId, { maxItems: SAMPLING_LIMITS.maxNewTokens }),
    }),
  ),
});

export const PipelineRouteMessage = message('pipeline-route', {
  request_id: Uuid,
  hop: HopIndex,
  hops: HopCount,
  /** Steps before this one that still wait are dropped; they come again under new numbers. */
  first_step: StepNumber,
});

export const PipelineExpectMessage = message('pipeline-expect', {
  request_id: Uuid,
  step: StepNumber,
  token_ids: Type.Array(TokenId, { minItems: 1, maxItems: WIRE_LIMITS.maxDraftTokens }),
});

export const PipelineStepMessage = message('pipeline-step', {
  request_id: Uuid,
  step: StepNumber,
  purpose: Type.Enum(STEP_PURPOSES),
  position: Position,
  input_ids: Type.Array(TokenId, { minItems: 1, maxItems: WIRE_LIMITS.maxPositionsPerFrame }),
});

export const PipelineCloseMessage = message('pipeline-close', { request_id: Uuid, reason: FinishReason });

// --- From nodes -------------------------------------------------------------------------------------------------

export const PipelineOpenedMessage = message('pipeline-opened', {
  request_id: Uuid,
  hop: HopIndex,
  /** First shard only: the ids the prompt was tokenized to. */
  input_ids: Type.Optional(Type.Array(TokenId, { minItems: 1, maxItems: WIRE_LIMITS.maxInputTokens })),
});

export const PipelineTokenMessage = message('pipeline-token', {
  request_id: Uuid,
  step: StepNumber,
  /** Position the first of the tokens will take in the sequence. */
  position: Type.Integer({ minimum: 1, maximum: WIRE_LIMITS.maxPosition }),
  /** One, or after a step that verified guesses as many as were right and one more. */
  tokens: Type.Array(
    Type.Object({
      id: TokenId,
      /** Whole characters only; may be empty while a character or a stop string is incomplete. */
      text: Type.String({ maxLength: 100_000 }),
      /**
       * `TokenLogProbabilities` (log-probabilities.ts), where the sampling asks for them; a node that does not know them
       * leaves them out. Checked where they are used, because wrong ones are a wrong answer and no broken message.
       */
      logprobs: Type.Optional(Type.Unknown()),
    }),
    { minItems: 1, maxItems: WIRE_LIMITS.maxDraftTokens + 1 },
  ),
  finish_reason: Type.Optional(Type.Union([Type.Literal('stop'), Type.Literal('length')])),
});

export const PipelineProgressMessage = message('pipeline-progress', {
  request_id: Uuid,
  hop: HopIndex,
  step: StepNumber,
  state: Type.Union([Type.Literal('working'), Type.Literal('done')]),
});

export const PipelineUnlinkedMessage = message('pipeline-unlinked', {
  request_id: Uuid,
  hop: HopIndex,
  reason: ShortText,
});

export const PipelineFailedMessage = message('pipeline-failed', {
  request_id: Uuid,
  hop: HopIndex,
  code: Type.String({ minLength: 1, maxLength: 100 }),
  message: ShortText,
  retryable: Type.Boolean(),
});
