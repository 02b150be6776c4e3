import i18next from 'i18next';
import type { Failure } from '../../protocol/result';

type Described = Pick<Failure, 'code' | 'message' | 'suggestion'>;

/**
 * What happened, and what to do about it. Failures come described in English; in another language their code is explained,
 * and the description follows as the detail.
 */
export function explainFailure(failure: Described): { readonly what: string; readonly todo: string | null } {
  const explained: unknown = i18next.getResource(i18next.language, 'errors', failure.code);
  if (typeof explained !== 'string') return { what: failure.message, todo: failure.suggestion ?? null };
  return { what: explained, todo: `(${[failure.message, failure.suggestion].filter(Boolean).join(' ')})` };
}

/** What happened and what to do about it, as one text. */
export function failureText(failure: Described): string {
  const { what, todo } = explainFailure(failure);
  return [what, todo].filter(Boolean).join(' ');
}
