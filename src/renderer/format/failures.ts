import type { Failure } from '../../protocol/result';

/** What happened and what to do about it, as one text. */
export function failureText({ message, suggestion }: Pick<Failure, 'message' | 'suggestion'>): string {
  return [message, suggestion].filter(Boolean).join(' ');
}
