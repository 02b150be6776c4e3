import type { FinishReason } from '../../protocol/compute/model';
import type { CoordinatorFailure } from '../errors';

/**
 * Life of one generate request in the coordinator.
 *
 *   opening ──opened──▶ running ──tokens──▶ running … ──last token──▶ finished
 *      │                   │
 *      ├──cancelled────────┴──▶ finished (cancelled: pays for what was produced)
 *      └──failed───────────┴──▶ failed   (pays and earns nothing)
 */
export type RequestState =
  | { readonly kind: 'opening' }
  | {
      readonly kind: 'running';
      readonly inputTokens: number;
      readonly outputTokens: number;
      /** Tokens after which the coordinator ends the request. */
      readonly limit: number;
      /** What the first shard processes next, and where it begins. */
      readonly feed: { readonly position: number; readonly inputIds: readonly number[] };
    }
  | {
      readonly kind: 'finished';
      readonly inputTokens: number;
      readonly outputTokens: number;
      readonly reason: Exclude<FinishReason, 'error'>;
    }
  | { readonly kind: 'failed'; readonly failure: CoordinatorFailure };

export type RequestEvent =
  | { readonly kind: 'opened'; readonly inputIds: readonly number[]; readonly limit: number }
  | {
      readonly kind: 'tokens';
      readonly tokenIds: readonly number[];
      readonly finishReason: 'stop' | 'length' | null;
    }
  | { readonly kind: 'cancelled' }
  | { readonly kind: 'failed'; readonly failure: CoordinatorFailure };

/** The state after an event. Events that no longer matter (a token after the end) change nothing. */
export function nextRequestState(state: RequestState, event: RequestEvent): RequestState {
  if (state.kind === 'finished' || state.kind === 'failed') return state;
  switch (event.kind) {
    case 'failed':
      return { kind: 'failed', failure: event.failure };
    case 'cancelled':
      return state.kind === 'opening'
        ? { kind: 'finished', inputTokens: 0, outputTokens: 0, reason: 'cancelled' }
        : {
            kind: 'finished',
            inputTokens: state.inputTokens,
            outputTokens: state.outputTokens,
            reason: 'cancelled',
          };
    case 'opened':
      return state.kind === 'running'
        ? state
        : {
            kind: 'running',
            inputTokens: event.inputIds.length,
            outputTokens: 0,
            limit: event.limit,
            feed: { position: 0, inputIds: event.inputIds },
          };
    case 'tokens': {
      if (state.kind === 'opening') return state;
      const { inputTokens, limit } = state;
      const outputTokens = state.outputTokens + event.tokenIds.length;
      if (event.finishReason !== null) {
        return { kind: 'finished', inputTokens, outputTokens, reason: event.finishReason };
      }
      const last = event.tokenIds.at(-1);
      if (outputTokens >= limit || last === undefined) {
        return { kind: 'finished', inputTokens, outputTokens, reason: 'length' };
      }
      return {
        kind: 'running',
        inputTokens,
        outputTokens,
        limit,
        feed: { position: inputTokens + outputTokens - 1, inputIds: [last] },
      };
    }
  }
}
