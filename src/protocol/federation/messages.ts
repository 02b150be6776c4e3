import { Type, type Static } from 'typebox';
import { PrecisionName } from '../compute/http/tokens';
import { ChatMessage, FinishReason, MODEL_LIMITS, ModelShape, Sampling, SAMPLING_LIMITS } from '../compute/model';
import { Timestamp } from '../documents/fields';
import { message, ShortText, Uuid } from '../wire/message-fields';
import { HOP_MESSAGES, OfferedLayers } from './hop-messages';
import { FEDERATION_LIMITS } from './limits';
import { FEDERATION_SESSION_MESSAGES } from './session-messages';

/*
 * What travels sealed between two coordinators: JSON in UTF-8, one object per frame, or an activation frame. Each side numbers its messages from 1;
 * a number that is not the next one ends the link. Signed objects inside are checked by their own readers.
 *
 * | family | messages |
 * |---|---|
 * | link | `ready`, `summary`, `terminate`, `unsupported` |
 * | requests | `request`, `request-started`, `request-token`, `request-waiting`, `request-cancel`, `request-ended` |
 * | layers | `hop-…` and activation frames (hop-messages.ts) |
 * | settlement | `settlement`, `settlement-receipt`, `settlement-refused` |
 * | statements | `statement`, `statement-answer` |
 * | group sessions | `session-…`, see session-messages.ts |
 */

const Sequence = Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER });
/** A signed object; its reader bounds and checks it. */
const SignedObject = Type.Record(Type.String({ maxLength: 200 }), Type.Unknown());
const ModelId = Type.String({ minLength: 1, maxLength: 200 });
const TokenCount = Type.Integer({ minimum: 0, maximum: MODEL_LIMITS.maxContextLength });

/** A model one side serves under the agreement: what the other needs to show it and to bound its price. No machine. */
export const OfferedModel = Type.Object({
  model_id: ModelId,
  friendly_name: Type.String({ minLength: 1, maxLength: 200 }),
  manifest_hash: Type.String({ pattern: '^[0-9a-f]{64}$' }),
  shape: ModelShape,
  /** Bytes of the chat template; it adds tokens to a prompt. */
  template_bytes: Type.Integer({ minimum: 0, maximum: 400_000 }),
  /** Whether a request could be answered now. */
  available: Type.Boolean(),
});
export type OfferedModel = Static<typeof OfferedModel>;

export const ReadyMessage = message('ready', {
  sequence: Sequence,
  /** Name of the coordinator, as its operator wrote it. */
  name: Type.String({ maxLength: 200 }),
  /** The agreement both will record the link under. */
  agreement_id: Type.String({ minLength: 1, maxLength: 300 }),
});

export const SummaryMessage = message('summary', {
  sequence: Sequence,
  models: Type.Array(OfferedModel, { maxItems: FEDERATION_LIMITS.maxModels }),
  /** Layers that can be taken as part of the peer's own pipelines now. */
  layers: Type.Optional(Type.Array(OfferedLayers, { maxItems: FEDERATION_LIMITS.maxOfferedLayers })),
  /** Requests that could be taken at once, and how many of the peer's run now. */
  capacity: Type.Object({
    requests: Type.Integer({ minimum: 0, maximum: 1_000_000 }),
    running: Type.Integer({ minimum: 0, maximum: 1_000_000 }),
  }),
  /** Signed discovery records of the party itself (tore-0002). */
  records: Type.Array(SignedObject, { maxItems: FEDERATION_LIMITS.maxRecords }),
});

export const TerminateMessage = message('terminate', {
  sequence: Sequence,
  /** A signed `agreement-termination`. */
  notice: SignedObject,
});

export const UnsupportedMessage = message('unsupported', { sequence: Sequence, of: Type.String({ maxLength: 100 }) });

export const RequestMessage = message('request', {
  sequence: Sequence,
  /** New for every request over the link; the requester's own id of it stays at home. */
  request_id: Uuid,
  model_id: ModelId,
  prompt: Type.Optional(Type.String({ maxLength: 1_000_000 })),
  messages: Type.Optional(Type.Array(ChatMessage, { minItems: 1, maxItems: 1_000 })),
  max_new_tokens: Type.Integer({ minimum: 1, maximum: SAMPLING_LIMITS.maxNewTokens }),
  sampling: Sampling,
  precision: PrecisionName,
  /** The end is due by then; what was produced is settled. */
  deadline_at: Type.Optional(Timestamp),
});

export const RequestStartedMessage = message('request-started', {
  sequence: Sequence,
  request_id: Uuid,
  input_tokens: TokenCount,
});

export const RequestTokenMessage = message('request-token', {
  sequence: Sequence,
  request_id: Uuid,
  index: Type.Integer({ minimum: 0, maximum: SAMPLING_LIMITS.maxNewTokens }),
  token_id: Type.Integer({ minimum: 0, maximum: MODEL_LIMITS.maxVocabularySize }),
  text: Type.String({ maxLength: 100_000 }),
});

/** Nobody serves some layers now; the answer pauses for at most so many seconds. */
export const RequestWaitingMessage = message('request-waiting', {
  sequence: Sequence,
  request_id: Uuid,
  seconds: Type.Number({ minimum: 0, maximum: 86_400 }),
});

export const RequestCancelMessage = message('request-cancel', { sequence: Sequence, request_id: Uuid });

/** The last message of a request: with its settlement where something was produced, or with why it failed. */
export const RequestEndedMessage = message('request-ended', {
  sequence: Sequence,
  request_id: Uuid,
  finish_reason: FinishReason,
  settlement: Type.Union([SignedObject, Type.Null()]),
  error: Type.Union([
    Type.Object({
      code: Type.String({ minLength: 1, maxLength: 100 }),
      message: ShortText,
      retryable: Type.Boolean(),
    }),
    Type.Null(),
  ]),
});

export const SettlementMessage = message('settlement', { sequence: Sequence, settlement: SignedObject });
export const SettlementReceiptMessage = message('settlement-receipt', { sequence: Sequence, receipt: SignedObject });
export const SettlementRefusedMessage = message('settlement-refused', {
  sequence: Sequence,
  request_id: Type.String({ minLength: 1, maxLength: 300 }),
  code: Type.String({ minLength: 1, maxLength: 100 }),
  message: ShortText,
});

export const StatementMessage = message('statement', {
  sequence: Sequence,
  /** Signed by the sender, with its entries of that time. */
  statement: SignedObject,
  /** Whether it is to be signed by both, or only to be compared. */
  final: Type.Boolean(),
});

export const StatementAnswerMessage = message('statement-answer', {
  sequence: Sequence,
  /** Of the statement that is answered. */
  id: Type.String({ minLength: 1, maxLength: 300 }),
  equal: Type.Boolean(),
  /** Signed by both where it was final and equal; else what the answering side has, signed by it. */
  statement: SignedObject,
});

export const FederationMessage = Type.Union([
  ReadyMessage,
  SummaryMessage,
  TerminateMessage,
  UnsupportedMessage,
  RequestMessage,
  RequestStartedMessage,
  RequestTokenMessage,
  RequestWaitingMessage,
  RequestCancelMessage,
  RequestEndedMessage,
  SettlementMessage,
  SettlementReceiptMessage,
  SettlementRefusedMessage,
  StatementMessage,
  StatementAnswerMessage,
  ...FEDERATION_SESSION_MESSAGES,
  ...HOP_MESSAGES,
]);
export type FederationMessage = Static<typeof FederationMessage>;
export type FederationMessageOf<Name extends FederationMessage['type']> = Extract<FederationMessage, { type: Name }>;

/** A message before its link has numbered it. */
export type FederationDraft = FederationMessage extends infer Whole
  ? Whole extends FederationMessage
    ? Omit<Whole, 'sequence'>
    : never
  : never;
