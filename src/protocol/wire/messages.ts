import { Type, type Static } from 'typebox';
import {
  ChatMessage,
  FinishReason,
  MODEL_LIMITS,
  ModelManifest,
  Sampling,
  SAMPLING_LIMITS,
  Sha256,
} from '../compute/model';
import { InvitationCode } from '../compute/http/access';
import { TokenLogProbabilities } from '../compute/log-probabilities';
import { FederatedAnswer } from '../compute/http/federated-answer';
import { NodeRegistration, NodeView } from '../compute/http/nodes';
import { ShardRegistration } from '../compute/http/shards';
import { TaskResultBody, TaskView } from '../compute/http/tasks';
import { WIRE_LIMITS } from './limits';
import { InboxChangedMessage } from './trust-messages';
import { Base64, CallId, Gft, message, ShortText, Uuid } from './message-fields';
import {
  PipelineBeginMessage,
  PipelineCloseMessage,
  PipelineExpectMessage,
  PipelineFailedMessage,
  PipelineOpenedMessage,
  PipelineOpenMessage,
  PipelineProgressMessage,
  PipelineRouteMessage,
  PipelineStepMessage,
  PipelineTokenMessage,
  PipelineUnlinkedMessage,
} from './pipeline-messages';
import { SESSION_HOST_MESSAGES, SESSION_PARTICIPANT_MESSAGES } from './session-messages';

/*
 * JSON text messages of the WebSocket binding (tore-0001, `GET /ws`, subprotocol `tore.v1`). Activations travel beside
 * them as binary frames (activation-frame.ts).
 *
 *   coordinator                               node
 *     hello {nonce}            ────────────▶
 *                              ◀────────────  authenticate {public_key, signature of the nonce, resume?}
 *     authenticated            ────────────▶
 *                              ◀────────────  register-node, register-shard (calls, each answered by one reply)
 *     task                     ────────────▶
 *                              ◀────────────  task-result (call)
 *     pipeline-…                               (pipeline-messages.ts)
 */

/** Text a node signs to prove its key: bound to this protocol and this coordinator, so it cannot be replayed elsewhere. */
export function connectionProofText(nonce: string, coordinatorId: string): string {
  return `tore.v1 connect\n${coordinatorId}\n${nonce}`;
}

// --- Connection -------------------------------------------------------------------------------------------------

export const HelloMessage = message('hello', {
  protocol: Type.Literal('tore.v1'),
  coordinator_id: Type.String({ minLength: 1, maxLength: 200 }),
  name: ShortText,
  version: Type.String({ maxLength: 100 }),
  token_mode: Type.Boolean(),
  nonce: Type.String({ minLength: 16, maxLength: 200 }),
  heartbeat_seconds: Type.Number({ minimum: 1, maximum: 3_600 }),
});

export const AuthenticateMessage = message('authenticate', {
  /** Raw Ed25519 public key, base64. */
  public_key: Base64,
  /** Ed25519 signature over `connectionProofText`, base64. */
  signature: Base64,
  /** Lets a key in that is no member yet, where members alone may connect. */
  invitation: Type.Optional(InvitationCode),
  /** Continue an earlier connection: events after `last_event` are sent again. */
  resume: Type.Optional(
    Type.Object({ connection_id: Uuid, last_event: Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }) }),
  ),
  /**
   * What the connection is for. A key has one connection as a node, and beside it several as a participant of group
   * sessions (tore-0003), which need no registration. Absent: `node`.
   */
  purpose: Type.Optional(Type.Union([Type.Literal('node'), Type.Literal('participant')])),
});

export const AuthenticatedMessage = message('authenticated', {
  connection_id: Uuid,
  resumed: Type.Boolean(),
  /** The node this key registered earlier, or null: register now. */
  node: Type.Union([NodeView, Type.Null()]),
});

// --- Calls of a node, each answered by one reply with the same id ------------------------------------------------

export const RegisterNodeCall = message('register-node', { call_id: CallId, registration: NodeRegistration });
export const UpdateHardwareCall = message('update-hardware', { call_id: CallId, registration: NodeRegistration });
export const RegisterShardCall = message('register-shard', {
  call_id: CallId,
  shard: ShardRegistration,
  manifest_hash: Type.Optional(Sha256),
  /** Introduces a model the coordinator does not know; accepted where its policy takes any model. */
  manifest: Type.Optional(ModelManifest),
});
export const RemoveShardCall = message('remove-shard', {
  call_id: CallId,
  model_id: Type.String({ minLength: 1, maxLength: 200 }),
});
export const HeartbeatCall = message('heartbeat', { call_id: CallId });
export const TaskResultCall = message('task-result', { call_id: CallId, result: TaskResultBody });
export const GenerateCall = message('generate', {
  call_id: CallId,
  request_id: Uuid,
  model_id: Type.String({ minLength: 1, maxLength: 200 }),
  prompt: Type.Optional(Type.String({ maxLength: 1_000_000 })),
  messages: Type.Optional(Type.Array(ChatMessage, { minItems: 1, maxItems: 1_000 })),
  max_new_tokens: Type.Integer({ minimum: 1, maximum: SAMPLING_LIMITS.maxNewTokens }),
  sampling: Sampling,
  /** Nodes alone, or the operator's fallback server alone. Absent: nodes, else what the operator set. */
  force_backend: Type.Optional(Type.Union([Type.Literal('distributed'), Type.Literal('fallback')])),
  /** The group session and the participant the answer is for, kept with the settled request. */
  session_id: Type.Optional(Uuid),
  participant_id: Type.Optional(Uuid),
  /**
   * The same request after a lost connection: tokens before this index have arrived. A request that still runs, or ended
   * a moment ago, goes on from there; it is never run or charged twice.
   */
  resume_from: Type.Optional(Type.Integer({ minimum: 0, maximum: SAMPLING_LIMITS.maxNewTokens })),
});
/** Whether this node moves as it was asked to by `move-proposed`; the reply says whether the move is still good. */
export const AnswerMoveCall = message('answer-move', { call_id: CallId, proposal_id: Uuid, accepted: Type.Boolean() });
export const CancelGenerateCall = message('cancel-generate', { call_id: CallId, request_id: Uuid });

// --- Answers and events of the coordinator -----------------------------------------------------------------------

export const ReplyMessage = Type.Union([
  Type.Object({ type: Type.Literal('reply'), call_id: CallId, ok: Type.Literal(true), value: Type.Unknown() }),
  Type.Object({
    type: Type.Literal('reply'),
    call_id: CallId,
    ok: Type.Literal(false),
    error: Type.Object({
      code: Type.String({ minLength: 1, maxLength: 100 }),
      message: ShortText,
      retryable: Type.Boolean(),
      suggestion: Type.Optional(ShortText),
    }),
  }),
]);

const EventNumber = Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER });

/** A challenge to answer with `task-result` before it expires. Numbered, so that it survives a reconnection. */
export const TaskMessage = message('task', { event: EventNumber, task: TaskView });
/** The node's balance changed; `reason` is the ledger event behind it. */
export const BalanceMessage = message('balance', {
  event: EventNumber,
  balance: Gft,
  amount: Gft,
  event_type: Type.String({ maxLength: 40 }),
  ledger_ref: Type.String({ maxLength: 200 }),
});
/** The node's standing changed (verdict on a challenge, suspension, quarantine). */
export const NodeStatusMessage = message('node-status', {
  event: EventNumber,
  status: Type.String({ maxLength: 40 }),
  reliability: Type.Number({ minimum: 0, maximum: 1 }),
  message: ShortText,
  task_id: Type.Optional(Type.String({ maxLength: 200 })),
  passed: Type.Optional(Type.Boolean()),
});
/** Layers this node would help clearly more with, in the same memory. It moves only if it answers so, with `answer-move`. */
export const MoveProposedMessage = message('move-proposed', {
  event: EventNumber,
  proposal_id: Uuid,
  model_id: Type.String({ minLength: 1, maxLength: 200 }),
  layer_start: Type.Integer({ minimum: 0, maximum: MODEL_LIMITS.maxLayers - 1 }),
  layer_end: Type.Integer({ minimum: 0, maximum: MODEL_LIMITS.maxLayers - 1 }),
  /** How many times as strong the weakest layer becomes; null: layers that nobody serves are served. */
  gain: Type.Union([Type.Number({ minimum: 1 }), Type.Null()]),
  expires_at: Type.String({ maxLength: 40 }),
});
/** Which layers of a model are covered changed. */
export const CoverageMessage = message('coverage', {
  model_id: Type.String({ minLength: 1, maxLength: 200 }),
  available: Type.Boolean(),
  layers_missing: Type.Array(Type.Integer({ minimum: 0 }), { maxItems: MODEL_LIMITS.maxLayers }),
});
export const NoticeMessage = message('notice', { event: EventNumber, text: ShortText });

/** One node of a pipeline, as shown to the requester. */
export const PipelineHop = Type.Object({
  node_id: Type.String({ maxLength: 200 }),
  layer_start: Type.Integer({ minimum: 0 }),
  layer_end: Type.Integer({ minimum: 0 }),
  transport: Type.String({ maxLength: 40 }),
});
export type PipelineHop = Static<typeof PipelineHop>;

export const GenerateStartedMessage = message('generate-started', {
  request_id: Uuid,
  pipeline: Type.Array(PipelineHop, { maxItems: WIRE_LIMITS.maxHops }),
  input_tokens: Type.Integer({ minimum: 0 }),
  /** The answer goes on where an earlier connection of this requester lost it. */
  resumed: Type.Optional(Type.Boolean()),
});
export const GenerateTokenMessage = message('generate-token', {
  request_id: Uuid,
  index: Type.Integer({ minimum: 0 }),
  token_id: Type.Integer({ minimum: 0 }),
  text: Type.String({ maxLength: 100_000 }),
  /** Where the request asked for them and the node that sampled gave them. */
  logprobs: Type.Optional(TokenLogProbabilities),
});
/** The answer pauses: nobody serves some layers now. It goes on by itself when somebody does, or fails at the time limit. */
export const GenerateWaitingMessage = message('generate-waiting', {
  request_id: Uuid,
  layers_missing: Type.Array(Type.Integer({ minimum: 0 }), { maxItems: MODEL_LIMITS.maxLayers }),
  seconds: Type.Number({ minimum: 0 }),
});

/** The request waits for its turn; sent again whenever its place changes. `position` 1 is next. */
export const GenerateQueuedMessage = message('generate-queued', {
  request_id: Uuid,
  position: Type.Integer({ minimum: 1 }),
  waiting: Type.Integer({ minimum: 1 }),
});

/** The reply to `generate` carries the settled result; this schema is its value. */
export const GenerateOutcome = Type.Object({
  request_id: Type.String({ maxLength: 200 }),
  text: Type.String(),
  finish_reason: FinishReason,
  tokens: Type.Integer({ minimum: 0 }),
  input_tokens: Type.Integer({ minimum: 0 }),
  gft_deducted: Gft,
  new_balance: Type.Union([Gft, Type.Null()]),
  backend: Type.String({ maxLength: 40 }),
  pipeline: Type.Array(PipelineHop, { maxItems: WIRE_LIMITS.maxHops }),
  latency_ms: Type.Number({ minimum: 0 }),
  model_id: Type.String({ maxLength: 200 }),
  ledger_ref: Type.Union([Type.String({ maxLength: 200 }), Type.Null()]),
  confirmed_at: Type.Union([Type.String({ maxLength: 100 }), Type.Null()]),
  /** With backend `federated`, and with `distributed` where a peer did some of the layers. */
  federation: Type.Optional(FederatedAnswer),
});
export type GenerateOutcome = Static<typeof GenerateOutcome>;

/** Everything a node may send. */
export const NodeMessage = Type.Union([
  AuthenticateMessage,
  RegisterNodeCall,
  UpdateHardwareCall,
  RegisterShardCall,
  RemoveShardCall,
  HeartbeatCall,
  TaskResultCall,
  GenerateCall,
  AnswerMoveCall,
  CancelGenerateCall,
  PipelineOpenedMessage,
  PipelineTokenMessage,
  PipelineProgressMessage,
  PipelineUnlinkedMessage,
  PipelineFailedMessage,
  ...SESSION_PARTICIPANT_MESSAGES,
]);
export type NodeMessage = Static<typeof NodeMessage>;

/** Everything a coordinator may send. */
export const CoordinatorMessage = Type.Union([
  HelloMessage,
  AuthenticatedMessage,
  ReplyMessage,
  TaskMessage,
  BalanceMessage,
  NodeStatusMessage,
  MoveProposedMessage,
  CoverageMessage,
  NoticeMessage,
  InboxChangedMessage,
  PipelineOpenMessage,
  PipelineBeginMessage,
  PipelineRouteMessage,
  PipelineExpectMessage,
  PipelineStepMessage,
  PipelineCloseMessage,
  GenerateStartedMessage,
  GenerateTokenMessage,
  GenerateWaitingMessage,
  GenerateQueuedMessage,
  ...SESSION_HOST_MESSAGES,
]);
export type CoordinatorMessage = Static<typeof CoordinatorMessage>;

/** What a participant of group sessions sends, and what its host answers beside replies. */
export type ParticipantMessage = Extract<NodeMessage, { type: `session-${string}` }>;
export type SessionEvent = Extract<CoordinatorMessage, { type: `session-${string}` }>;

export type MessageOf<Union extends { type: string }, Name extends Union['type']> = Extract<Union, { type: Name }>;
