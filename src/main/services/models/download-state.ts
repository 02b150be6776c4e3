import type { DownloadState } from '../../../contract/models';
import type { Failure } from '../../../protocol/result';

export type DownloadEvent =
  | { readonly kind: 'begun' }
  | { readonly kind: 'finished' }
  | { readonly kind: 'failed'; readonly error: Failure; readonly failures: number; readonly nowMs: number }
  | { readonly kind: 'pause-asked' }
  | { readonly kind: 'resume-asked' }
  | { readonly kind: 'retry-due' };

/** How long each failure in a row waits; the last one repeats, so that a computer that was offline for days goes on. */
const RETRY_DELAYS_MS = [5_000, 15_000, 60_000, 300_000] as const;

/**
 * What becomes of a download (contract/models.ts draws it). An event that means nothing in a state changes nothing, so
 * that a late word of an engine cannot undo what the person did meanwhile.
 *
 * @param event - `failures` counts those in a row, from 1
 */
export function nextDownloadState(state: DownloadState, event: DownloadEvent): DownloadState {
  switch (event.kind) {
    case 'begun':
      return state.kind === 'waiting' ? { kind: 'running' } : state;
    case 'finished':
      return state.kind === 'running' ? { kind: 'done' } : state;
    case 'failed':
      return state.kind === 'running' ? failedState(event) : state;
    case 'pause-asked':
      return state.kind === 'done' ? state : { kind: 'paused' };
    case 'resume-asked':
      return state.kind === 'paused' || state.kind === 'failed' || state.kind === 'done' ? { kind: 'waiting' } : state;
    case 'retry-due':
      return state.kind === 'failed' && state.retryAt !== null ? { kind: 'waiting' } : state;
  }
}

function failedState({ error, failures, nowMs }: Extract<DownloadEvent, { kind: 'failed' }>): DownloadState {
  const delayMs = RETRY_DELAYS_MS[Math.min(failures, RETRY_DELAYS_MS.length) - 1] ?? RETRY_DELAYS_MS[0];
  return { kind: 'failed', error, retryAt: error.retryable ? new Date(nowMs + delayMs).toISOString() : null };
}
