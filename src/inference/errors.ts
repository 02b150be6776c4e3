import { failure, type Failure } from '../protocol/result';

/**
 * Everything that can go wrong in the inference room and is not a bug.
 *
 * | group | codes |
 * |---|---|
 * | model files | `model-not-found`, `model-invalid`, `model-unsupported`, `weights-invalid`, `source-failed`, `tokenizer-invalid`, `template-invalid` |
 * | placement | `range-invalid`, `memory-insufficient`, `disk-full`, `disk-denied`, `disk-failed`, `provider-failed` |
 * | sequences | `shard-unknown`, `sequence-unknown`, `sequence-exists`, `sequence-limit`, `sequence-busy`, `sequence-finished`, `kv-budget`, `context-exceeded` |
 * | one call | `position-mismatch`, `input-invalid`, `output-invalid`, `run-failed`, `cancelled` |
 * | process border | `engine-gone`, `message-invalid`, `engine-internal` |
 */
export type EngineErrorCode =
  | 'model-not-found'
  | 'model-invalid'
  | 'model-unsupported'
  | 'weights-invalid'
  | 'source-failed'
  | 'tokenizer-invalid'
  | 'template-invalid'
  | 'range-invalid'
  | 'memory-insufficient'
  | 'disk-full'
  | 'disk-denied'
  | 'disk-failed'
  | 'provider-failed'
  | 'shard-unknown'
  | 'sequence-unknown'
  | 'sequence-exists'
  | 'sequence-limit'
  | 'sequence-busy'
  | 'sequence-finished'
  | 'kv-budget'
  | 'context-exceeded'
  | 'position-mismatch'
  | 'input-invalid'
  | 'output-invalid'
  | 'run-failed'
  | 'cancelled'
  | 'engine-gone'
  | 'message-invalid'
  | 'engine-internal';

export type EngineFailure = Failure<EngineErrorCode>;

/** Builds a failure of this room. */
export function engineFailure(
  code: EngineErrorCode,
  message: string,
  options: { readonly retryable?: boolean; readonly suggestion?: string } = {},
): { readonly ok: false; readonly error: EngineFailure } {
  return failure<EngineErrorCode>(code, message, options);
}

/** The failure of every call that its caller stopped. */
export function cancelledFailure(what: string): { readonly ok: false; readonly error: EngineFailure } {
  return engineFailure('cancelled', `${what} was cancelled.`);
}

/** Text of a thrown value, for messages that explain a failure of a library or the operating system. */
export function reasonOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
