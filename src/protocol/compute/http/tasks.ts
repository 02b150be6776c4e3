import { Type, type Static } from 'typebox';
import { ProofAnswer, ProofQuestion } from './proofs';

/** A baseline challenge handed to a node (`POST /tasks/dispatch/{node_id}`). */
export const TaskView = Type.Object({
  task_id: Type.String({ minLength: 1, maxLength: 200 }),
  task_type: Type.String({ maxLength: 100 }),
  payload: Type.Object({
    prompt: Type.String({ maxLength: 100_000 }),
    max_tokens: Type.Integer({ minimum: 0 }),
    temperature: Type.Number(),
    /** Makes the task a proof of work done, where the node understands it (WebSocket binding). */
    proof: Type.Optional(ProofQuestion),
  }),
  model_id: Type.String({ maxLength: 200 }),
  layer_start: Type.Integer({ minimum: 0 }),
  layer_end: Type.Integer({ minimum: 0 }),
  flops_estimated: Type.Number({ minimum: 0 }),
  is_challenge: Type.Boolean(),
  expires_at: Type.String({ maxLength: 100 }),
});
export type TaskView = Static<typeof TaskView>;

/** Body of `POST /tasks/result`. The node's own figures are shown, never paid. */
export const TaskResultBody = Type.Object({
  task_id: Type.String({ minLength: 1, maxLength: 200 }),
  node_id: Type.String({ minLength: 1, maxLength: 200 }),
  result_hash: Type.String({ minLength: 1, maxLength: 200 }),
  flops_delivered: Type.Number({ minimum: 0 }),
  execution_time_ms: Type.Number({ minimum: 0 }),
  /** Answer to a proof of work done. */
  proof: Type.Optional(ProofAnswer),
});
export type TaskResultBody = Static<typeof TaskResultBody>;

/** Answer to a result. Foreign coordinators leave fields out or send null; a reader shows what is there. */
export const TaskVerdict = Type.Object({
  status: Type.String({ maxLength: 40 }),
  /** Null while an independent node's answer is awaited. */
  passed: Type.Union([Type.Boolean(), Type.Null()]),
  reliability: Type.Optional(Type.Union([Type.Number(), Type.Null()])),
  redundancy_siblings: Type.Optional(Type.Union([Type.Integer(), Type.Array(Type.Unknown()), Type.Null()])),
  consistency_score: Type.Optional(Type.Union([Type.Number(), Type.Null()])),
  message: Type.Optional(Type.Union([Type.String(), Type.Null()])),
});
export type TaskVerdict = Static<typeof TaskVerdict>;

/** Answer of `GET /tasks/{id}`. The right answer is never shown. */
export const TaskDetails = Type.Object({
  id: Type.String(),
  task_id: Type.String(),
  task_type: Type.String(),
  /** `dispatched`, `verified`, `failed` or `expired`. */
  status: Type.String(),
  assigned_node_id: Type.String(),
  model_id: Type.String(),
  layer_start: Type.Integer({ minimum: 0 }),
  layer_end: Type.Integer({ minimum: 0 }),
  is_challenge: Type.Boolean(),
  flops_estimated: Type.Number(),
  flops_delivered: Type.Union([Type.Number(), Type.Null()]),
  execution_time_ms: Type.Union([Type.Number(), Type.Null()]),
  created_at: Type.String(),
  expires_at: Type.String(),
  completed_at: Type.Union([Type.String(), Type.Null()]),
});
export type TaskDetails = Static<typeof TaskDetails>;

/** Answer of `GET /tasks/node/{id}/stats`. */
export const ChallengeStatistics = Type.Object({
  node_id: Type.String(),
  reliability: Type.Number(),
  challenges_total: Type.Integer({ minimum: 0 }),
  challenges_passed: Type.Integer({ minimum: 0 }),
  challenges_failed: Type.Integer({ minimum: 0 }),
  /** Passed over total, null before the first. */
  pass_rate: Type.Union([Type.Number(), Type.Null()]),
});
export type ChallengeStatistics = Static<typeof ChallengeStatistics>;
