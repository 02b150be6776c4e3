import { failure, type Failure, type Result } from '../protocol/result';
import type { TrustErrorCode } from '../protocol/trust/errors';

/**
 * Everything that can go wrong in the coordinator and is not a bug.
 *
 * | group | codes |
 * |---|---|
 * | start | `config-invalid`, `port-in-use`, `listen-failed`, `database-unwritable`, `database-newer`, `database-corrupt`, `database-missing`, `database-in-use`, `backup-invalid`, `tls-invalid`, `bus-unreachable`, `model-invalid` |
 * | storage | `storage-full`, `storage-busy`, `storage-failed` |
 * | nodes | `node-known`, `node-unknown`, `node-inactive`, `not-suspended`, `review-pending`, `key-mismatch`, `region-unknown` |
 * | shards | `model-unknown`, `model-refused`, `manifest-mismatch`, `range-invalid`, `shard-unknown`, `memory-insufficient`, `move-outdated` |
 * | requests | `balance-too-low`, `pipeline-unavailable`, `backend-unavailable`, `prompt-missing`, `prompt-too-long`, `log-probabilities-too-many`, `request-id-used`, `request-unknown`, `too-many-requests`, `coordinator-busy`, `cancelled` |
 * | pipelines | `node-lost`, `node-timeout`, `node-failed`, `frame-invalid`, `answer-invalid` |
 * | federation | `peer-unknown`, `peer-unavailable`, `peer-lost`, `peer-failed`, `terms-refused`, `federation-off` |
 * | challenges | `task-unknown`, `task-foreign`, `task-answered`, `task-expired`, `shard-missing` |
 * | ledger | `tokens-off`, `checkpoint-unknown`, `signing-key-missing`, `signing-key-foreign`, `ledger-broken` |
 * | sessions | `session-unknown` |
 * | access | `identity-required`, `identity-invalid`, `request-replayed`, `not-a-member`, `role-missing`, `owner-only`, `access-blocked`, `invitation-invalid`, `rate-limited` |
 * | discovery, handshakes, agreements | those of `protocol/trust/errors.ts` |
 * | connections | `message-invalid`, `not-registered`, `coordinator-stopping`, `coordinator-internal` |
 */
export type CoordinatorErrorCode =
  | TrustErrorCode
  | 'config-invalid'
  | 'port-in-use'
  | 'listen-failed'
  | 'database-unwritable'
  | 'database-newer'
  | 'database-corrupt'
  | 'database-missing'
  | 'database-in-use'
  | 'backup-invalid'
  | 'tls-invalid'
  | 'bus-unreachable'
  | 'model-invalid'
  | 'storage-full'
  | 'storage-busy'
  | 'storage-failed'
  | 'node-known'
  | 'node-unknown'
  | 'node-inactive'
  | 'not-suspended'
  | 'review-pending'
  | 'key-mismatch'
  | 'region-unknown'
  | 'model-unknown'
  | 'model-refused'
  | 'manifest-mismatch'
  | 'range-invalid'
  | 'shard-unknown'
  | 'memory-insufficient'
  | 'balance-too-low'
  | 'pipeline-unavailable'
  | 'backend-unavailable'
  | 'prompt-missing'
  | 'prompt-too-long'
  | 'log-probabilities-too-many'
  | 'request-id-used'
  | 'request-unknown'
  | 'too-many-notices'
  | 'notice-unknown'
  | 'too-many-requests'
  | 'coordinator-busy'
  | 'cancelled'
  | 'node-lost'
  | 'node-timeout'
  | 'node-failed'
  | 'frame-invalid'
  | 'answer-invalid'
  | 'peer-unknown'
  | 'peer-unavailable'
  | 'peer-lost'
  | 'peer-failed'
  | 'terms-refused'
  | 'federation-off'
  | 'move-outdated'
  | 'task-unknown'
  | 'task-foreign'
  | 'task-answered'
  | 'task-expired'
  | 'shard-missing'
  | 'tokens-off'
  | 'checkpoint-unknown'
  | 'signing-key-missing'
  | 'signing-key-foreign'
  | 'ledger-broken'
  | 'identity-required'
  | 'identity-invalid'
  | 'request-replayed'
  | 'session-unknown'
  | 'not-a-member'
  | 'role-missing'
  | 'owner-only'
  | 'access-blocked'
  | 'invitation-invalid'
  | 'rate-limited'
  | 'message-invalid'
  | 'not-registered'
  | 'coordinator-stopping'
  | 'coordinator-internal';

export type CoordinatorFailure = Failure<CoordinatorErrorCode>;
export type CoordinatorResult<Value> = Result<Value, CoordinatorErrorCode>;

/** Builds a failure of this room. */
export function refuse(
  code: CoordinatorErrorCode,
  message: string,
  options: { readonly retryable?: boolean; readonly suggestion?: string } = {},
): { readonly ok: false; readonly error: CoordinatorFailure } {
  return failure<CoordinatorErrorCode>(code, message, options);
}
