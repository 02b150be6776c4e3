import { Type, type Static } from 'typebox';
import { PrecisionName } from '../compute/http/tokens';
import { ChatMessage, FinishReason, MODEL_LIMITS, Sampling, SAMPLING_LIMITS, Sha256 } from '../compute/model';
import { Timestamp } from '../documents/fields';
import { ACTIVATION_DTYPES } from '../wire/activation-coding';
import { STEP_PURPOSES } from '../wire/activation-frame';
import { WIRE_LIMITS } from '../wire/limits';
import { message, ShortText, Uuid } from '../wire/message-fields';
import { Position, StepNumber, TokenId } from '../wire/pipeline-messages';

/*
 * Layers of one pipeline at both sides: a hop of the asking coordinator's pipeline that the serving one does with nodes of
 * its own choice. Activations travel beside these messages as activation frames (docs/protocol.md) under the id of the hop.
 *
 *   asking side                               serving side
 *     hop-open                 ────────────▶  checks the terms, chooses nodes, opens them
 *                              ◀────────────  hop-opened, with the prompt's token ids where it has the first layer
 *     hop-begin                ────────────▶
 *     hop-step {ids}           ────────────▶  first layers; behind them activation frames come instead
 *     hop-expect               ────────────▶  last layers, before a step that verifies guessed tokens
 *                              ◀────────────  activation frame, or hop-token where it has the last layer
 *                              ◀────────────  hop-progress: a step without a result is done, or long work still goes on
 *     hop-route                ────────────▶  the pipeline was repaired: steps before this one are void
 *     hop-close                ────────────▶
 *                              ◀────────────  hop-ended, once, with the settlement
 */

const Sequence = Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER });
const Layer = Type.Integer({ minimum: 0, maximum: MODEL_LIMITS.maxLayers });

/** Layers one side serves under the agreement and can take now. Who holds them is not said. */
export const OfferedLayers = Type.Object({
  /** Of this range on this link alone; the next link has other ids. */
  offer_id: Uuid,
  model_id: Type.String({ minLength: 1, maxLength: 200 }),
  manifest_hash: Sha256,
  precision: PrecisionName,
  /** Both ends inclusive. */
  layer_start: Layer,
  layer_end: Layer,
});
export type OfferedLayers = Static<typeof OfferedLayers>;

export const HopOpenMessage = message('hop-open', {
  sequence: Sequence,
  /** New for every hop over the link; the frames and the settlement carry it. */
  hop_id: Uuid,
  offer_id: Uuid,
  activation_dtype: Type.Enum(ACTIVATION_DTYPES),
  /** Prompt and answer together, at most. */
  max_positions: Type.Integer({ minimum: 1, maximum: WIRE_LIMITS.maxPosition }),
  max_new_tokens: Type.Integer({ minimum: 1, maximum: SAMPLING_LIMITS.maxNewTokens }),
  /** The hop takes over from a lost one: its text was tokenized before, and its caches come as replayed steps. */
  takes_over: Type.Optional(Type.Boolean()),
  /** First layer only: what to tokenize. */
  prompt: Type.Optional(Type.String({ maxLength: 1_000_000 })),
  messages: Type.Optional(Type.Array(ChatMessage, { minItems: 1, maxItems: 1_000 })),
  /** Last layer only: how to sample. */
  sampling: Type.Optional(Sampling),
  /** The end is due by then; what was done is settled. */
  deadline_at: Type.Optional(Timestamp),
});

export const HopOpenedMessage = message('hop-opened', {
  sequence: Sequence,
  hop_id: Uuid,
  /** First layer only: the ids the prompt was tokenized to. */
  input_ids: Type.Optional(Type.Array(TokenId, { minItems: 1, maxItems: WIRE_LIMITS.maxInputTokens })),
});

export const HopBeginMessage = message('hop-begin', {
  sequence: Sequence,
  hop_id: Uuid,
  /** Prompt and answer together; at most the `max_positions` of the opening. */
  positions: Type.Integer({ minimum: 1, maximum: WIRE_LIMITS.maxPosition }),
  /** Last layer of a hop that takes over: what was answered so far. */
  answered: Type.Optional(
    Type.Object({
      input_tokens: Position,
      token_ids: Type.Array(TokenId, { maxItems: SAMPLING_LIMITS.maxNewTokens }),
    }),
  ),
});

export const HopRouteMessage = message('hop-route', { sequence: Sequence, hop_id: Uuid, first_step: StepNumber });

export const HopExpectMessage = message('hop-expect', {
  sequence: Sequence,
  hop_id: Uuid,
  step: StepNumber,
  token_ids: Type.Array(TokenId, { minItems: 1, maxItems: WIRE_LIMITS.maxDraftTokens }),
});

export const HopStepMessage = message('hop-step', {
  sequence: Sequence,
  hop_id: Uuid,
  step: StepNumber,
  purpose: Type.Enum(STEP_PURPOSES),
  position: Position,
  input_ids: Type.Array(TokenId, { minItems: 1, maxItems: WIRE_LIMITS.maxPositionsPerFrame }),
});

export const HopTokenMessage = message('hop-token', {
  sequence: Sequence,
  hop_id: Uuid,
  step: StepNumber,
  /** Position the first of the tokens will take. */
  position: Type.Integer({ minimum: 1, maximum: WIRE_LIMITS.maxPosition }),
  tokens: Type.Array(Type.Object({ id: TokenId, text: Type.String({ maxLength: 100_000 }) }), {
    minItems: 1,
    maxItems: WIRE_LIMITS.maxDraftTokens + 1,
  }),
  finish_reason: Type.Optional(Type.Union([Type.Literal('stop'), Type.Literal('length')])),
});

export const HopProgressMessage = message('hop-progress', {
  sequence: Sequence,
  hop_id: Uuid,
  step: StepNumber,
  state: Type.Union([Type.Literal('working'), Type.Literal('done')]),
});

export const HopCloseMessage = message('hop-close', { sequence: Sequence, hop_id: Uuid, reason: FinishReason });

/** The last message of a hop: its settlement where something was done, and why it ended before it was closed. */
export const HopEndedMessage = message('hop-ended', {
  sequence: Sequence,
  hop_id: Uuid,
  settlement: Type.Union([Type.Record(Type.String({ maxLength: 200 }), Type.Unknown()), Type.Null()]),
  error: Type.Union([
    Type.Object({
      code: Type.String({ minLength: 1, maxLength: 100 }),
      message: ShortText,
      retryable: Type.Boolean(),
    }),
    Type.Null(),
  ]),
});

/** In the union of all messages. */
export const HOP_MESSAGES = [
  HopOpenMessage,
  HopOpenedMessage,
  HopBeginMessage,
  HopRouteMessage,
  HopExpectMessage,
  HopStepMessage,
  HopTokenMessage,
  HopProgressMessage,
  HopCloseMessage,
  HopEndedMessage,
] as const;

const SERVED = ['hop-open', 'hop-begin', 'hop-route', 'hop-expect', 'hop-step', 'hop-close'] as const;
const ASKED = ['hop-opened', 'hop-token', 'hop-progress', 'hop-ended'] as const;

type HopMessage = Static<(typeof HOP_MESSAGES)[number]>;
/** What the asking side says. */
export type HopCommand = Extract<HopMessage, { type: (typeof SERVED)[number] }>;
/** What the serving side answers. */
export type HopAnswer = Extract<HopMessage, { type: (typeof ASKED)[number] }>;

export function isHopCommand(message: { readonly type: string }): message is HopCommand {
  return SERVED.some((type) => type === message.type);
}

export function isHopAnswer(message: { readonly type: string }): message is HopAnswer {
  return ASKED.some((type) => type === message.type);
}
