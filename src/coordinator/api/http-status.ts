import type { CoordinatorErrorCode, CoordinatorFailure } from '../errors';

/** Status of each failure over HTTP, as the table of the profile has them. */
const STATUS_BY_CODE: Partial<Record<CoordinatorErrorCode, number>> = {
  'node-known': 409,
  'node-unknown': 404,
  'node-inactive': 403,
  'not-suspended': 400,
  'review-pending': 403,
  'key-mismatch': 403,
  'region-unknown': 404,
  'model-unknown': 404,
  'model-refused': 400,
  'manifest-mismatch': 400,
  'range-invalid': 400,
  'shard-unknown': 404,
  'memory-insufficient': 400,
  'balance-too-low': 402,
  'pipeline-unavailable': 503,
  'backend-unavailable': 503,
  'prompt-missing': 400,
  'prompt-too-long': 400,
  'request-id-used': 409,
  'request-unknown': 404,
  'too-many-requests': 429,
  cancelled: 503,
  'node-lost': 503,
  'node-timeout': 503,
  'node-failed': 503,
  'frame-invalid': 503,
  'answer-invalid': 503,
  'task-unknown': 404,
  'task-foreign': 403,
  'task-answered': 409,
  'task-expired': 410,
  'shard-missing': 400,
  'tokens-off': 503,
  'storage-full': 503,
  'storage-busy': 503,
  'storage-failed': 503,
  'coordinator-stopping': 503,
};

export function statusOf(code: CoordinatorErrorCode): number {
  return STATUS_BY_CODE[code] ?? 500;
}

/** The baseline's error body: one sentence or two, and our code beside it. */
export function errorBody(failure: CoordinatorFailure): { detail: string; code: string } {
  const detail = failure.suggestion === undefined ? failure.message : `${failure.message} ${failure.suggestion}`;
  return { detail, code: failure.code };
}
