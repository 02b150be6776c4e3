/**
 * Expected failures are values, across functions and processes alike; an exception is a bug.
 *
 * @typeParam Code - the closed list of error codes of the room that produced the failure.
 */
export interface Failure<Code extends string = string> {
  readonly code: Code;
  /** What happened and what was kept, in plain words, without prompts, keys or file contents. */
  readonly message: string;
  /** Whether the same call may succeed later without a change. */
  readonly retryable: boolean;
  /** What the user can do about it. */
  readonly suggestion?: string;
}

export type Result<Value, Code extends string = string> =
  { readonly ok: true; readonly value: Value } | { readonly ok: false; readonly error: Failure<Code> };

/** Wraps a value as a success. */
export function success<Value>(value: Value): { readonly ok: true; readonly value: Value } {
  return { ok: true, value };
}

/** Builds a failure; not retryable unless said so. */
export function failure<Code extends string>(
  code: Code,
  message: string,
  options: { readonly retryable?: boolean; readonly suggestion?: string } = {},
): { readonly ok: false; readonly error: Failure<Code> } {
  const error: Failure<Code> =
    options.suggestion === undefined
      ? { code, message, retryable: options.retryable ?? false }
      : { code, message, retryable: options.retryable ?? false, suggestion: options.suggestion };
  return { ok: false, error };
}
