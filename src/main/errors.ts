import { failure, type Failure } from '../protocol/result';

/**
 * Everything that can go wrong in the main room and is not a bug. Failures of the node, the engine and a coordinator
 * pass through main with their own codes.
 *
 * | group | codes |
 * |---|---|
 * | calls of a window | `sender-refused`, `payload-invalid`, `internal`, `cancelled`, `report-outdated` |
 * | files | `disk-full`, `disk-denied`, `disk-failed`, `file-invalid` |
 * | secrets | `secret-unreadable` |
 * | processes | `process-failed`, `process-gone`, `coordinator-start-failed` |
 * | coordinator | `not-connected`, `answer-invalid`, `tokens-off`, `coordinator-not-embedded`, `coordinator-refused`, `not-administrator` |
 * | chat | `conversation-unknown`, `conversation-busy`, `nothing-to-retry`, `nothing-to-stop`, `question-too-long` |
 * | links of the app | `link-invalid`, `link-unknown` |
 * | updates | `update-failed`, `update-refused` |
 * | computers | `host-refused` |
 * | models | `model-invalid`, `model-in-use` |
 * | library | `address-refused`, `fetch-failed`, `checksum-mismatch`, `draft-failed` |
 * | sessions | `session-missing`, `session-model-missing`, `session-model-busy` |
 */
export type MainErrorCode =
  | 'sender-refused'
  | 'payload-invalid'
  | 'internal'
  | 'cancelled'
  | 'report-outdated'
  | 'disk-full'
  | 'disk-denied'
  | 'disk-failed'
  | 'file-invalid'
  | 'secret-unreadable'
  | 'process-failed'
  | 'process-gone'
  | 'coordinator-start-failed'
  | 'not-connected'
  | 'answer-invalid'
  | 'tokens-off'
  | 'coordinator-not-embedded'
  | 'coordinator-refused'
  | 'not-administrator'
  | 'conversation-unknown'
  | 'conversation-busy'
  | 'nothing-to-retry'
  | 'nothing-to-stop'
  | 'question-too-long'
  | 'link-invalid'
  | 'link-unknown'
  | 'update-failed'
  | 'update-refused'
  | 'host-refused'
  | 'model-invalid'
  | 'model-in-use'
  | 'address-refused'
  | 'fetch-failed'
  | 'checksum-mismatch'
  | 'draft-failed'
  | 'session-missing'
  | 'session-model-missing'
  | 'session-model-busy';

/** Builds a failure of this room. */
export function mainFailure(
  code: MainErrorCode,
  message: string,
  options: { readonly retryable?: boolean; readonly suggestion?: string } = {},
): { readonly ok: false; readonly error: Failure<MainErrorCode> } {
  return failure<MainErrorCode>(code, message, options);
}

/** Text of a thrown value, for logs and for messages that explain a failure of the operating system. */
export function reasonOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}

/** The operating system's code of a thrown value (`ENOSPC`), or null. */
export function systemCodeOf(thrown: unknown): string | null {
  if (typeof thrown !== 'object' || thrown === null || !('code' in thrown)) return null;
  return typeof thrown.code === 'string' ? thrown.code : null;
}
