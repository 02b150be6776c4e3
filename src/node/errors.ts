import { failure, type Failure } from '../protocol/result';

/**
 * Everything that can go wrong in the node room and is not a bug.
 *
 * | group | codes |
 * |---|---|
 * | identity | `identity-corrupt`, `identity-unreadable`, `identity-unwritable` |
 * | files of the node | `data-unwritable`, `data-unreadable` |
 * | hardware | `hardware-unreadable`, `benchmark-failed` |
 * | reaching a coordinator | `coordinator-url-invalid`, `coordinator-unreachable`, `coordinator-timeout`, `coordinator-not-tore`, `coordinator-unauthorized` |
 * | its answers | `coordinator-refused`, `coordinator-fault`, `answer-invalid`, `answer-too-large`, `call-timeout`, `connection-lost`, `connection-replaced`, `not-connected`, `proof-refused` |
 * | registration | `key-registered-without-id`, `node-unknown`, `model-unknown` |
 * | shard | `model-unset`, `range-invalid`, `memory-insufficient`, `no-device`, `not-serving`, `move-unknown` |
 * | engine process | `engine-start-failed`, `engine-gone` |
 * | pipeline requests | `request-exists`, `request-unknown`, `too-many-requests`, `too-many-steps`, `shard-mismatch`, `hop-mismatch`, `input-invalid`, `activation-too-large` |
 * | generate | `balance-too-low`, `no-pipeline`, `cancelled` |
 * | activation server | `listen-failed` |
 */
export type NodeErrorCode =
  | 'identity-corrupt'
  | 'identity-unreadable'
  | 'identity-unwritable'
  | 'data-unwritable'
  | 'data-unreadable'
  | 'hardware-unreadable'
  | 'benchmark-failed'
  | 'coordinator-url-invalid'
  | 'coordinator-unreachable'
  | 'coordinator-timeout'
  | 'coordinator-not-tore'
  | 'coordinator-unauthorized'
  | 'coordinator-refused'
  | 'coordinator-fault'
  | 'answer-invalid'
  | 'answer-too-large'
  | 'download-failed'
  | 'call-timeout'
  | 'connection-lost'
  | 'connection-replaced'
  | 'not-connected'
  | 'proof-refused'
  | 'key-registered-without-id'
  | 'node-unknown'
  | 'model-unknown'
  | 'model-unset'
  | 'range-invalid'
  | 'memory-insufficient'
  | 'no-device'
  | 'not-serving'
  | 'move-unknown'
  | 'engine-start-failed'
  | 'engine-gone'
  | 'request-exists'
  | 'request-unknown'
  | 'too-many-requests'
  | 'too-many-steps'
  | 'shard-mismatch'
  | 'hop-mismatch'
  | 'input-invalid'
  | 'activation-too-large'
  | 'balance-too-low'
  | 'no-pipeline'
  | 'cancelled'
  | 'listen-failed';

export type NodeFailure = Failure<NodeErrorCode>;

/** Builds a failure of this room. */
export function nodeFailure(
  code: NodeErrorCode,
  message: string,
  options: { readonly retryable?: boolean; readonly suggestion?: string } = {},
): { readonly ok: false; readonly error: NodeFailure } {
  return failure<NodeErrorCode>(code, message, options);
}

/** Text of a thrown value, for messages that explain a failure of a library or the operating system. */
export function reasonOf(thrown: unknown): string {
  if (!(thrown instanceof Error)) return String(thrown);
  // fetch() hides what went wrong ("connection refused") in the cause of a "fetch failed".
  return thrown.cause instanceof Error ? `${thrown.message} (${reasonOf(thrown.cause)})` : thrown.message;
}

/** The `code` of an operating system error (`ENOENT`), or null. */
export function systemCodeOf(thrown: unknown): string | null {
  if (!(thrown instanceof Error)) return null;
  const code: unknown = 'code' in thrown ? thrown.code : null;
  return typeof code === 'string' ? code : null;
}
