import { FEDERATION_LIMITS } from './limits';

/**
 * The link to one peer, as this coordinator sees it.
 *
 *              greet                 proved
 *     down ────────────▶ greeting ────────────▶ up
 *      ▲ ▲                   │                   │
 *      │ └──────lost─────────┴───────lost────────┘
 *      │
 *      │◀──resumed──── cut       ◀── cut by the administrator, from any state but barred
 *      └◀──allowed──── barred    ◀── no agreement in force, from any state
 *
 * A cut stays a cut while the agreement is out of force as well: `barred` remembers it.
 */
export type LinkState =
  | { readonly kind: 'down'; readonly failures: number; readonly retryAtMs: number; readonly reason: string | null }
  | { readonly kind: 'greeting'; readonly failures: number }
  | { readonly kind: 'up'; readonly sinceMs: number }
  | { readonly kind: 'cut' }
  | { readonly kind: 'barred'; readonly reason: string; readonly isCut: boolean };

export type LinkEvent =
  | { readonly kind: 'greet' }
  | { readonly kind: 'proved' }
  | { readonly kind: 'lost'; readonly reason: string; readonly retryAfterMs: number }
  | { readonly kind: 'cut' }
  | { readonly kind: 'resumed' }
  | { readonly kind: 'barred'; readonly reason: string }
  | { readonly kind: 'allowed' };

/** Nothing was tried yet. */
export const NEW_LINK: LinkState = { kind: 'down', failures: 0, retryAtMs: 0, reason: null };

function failuresOf(state: LinkState): number {
  return state.kind === 'down' || state.kind === 'greeting' ? state.failures : 0;
}

/** The state after an event. Events that do not fit a state change nothing: a connection may end twice. */
export function nextLinkState(state: LinkState, event: LinkEvent, nowMs: number): LinkState {
  switch (event.kind) {
    case 'barred':
      return {
        kind: 'barred',
        reason: event.reason,
        isCut: state.kind === 'barred' ? state.isCut : state.kind === 'cut',
      };
    case 'allowed':
      if (state.kind !== 'barred') return state;
      return state.isCut ? { kind: 'cut' } : NEW_LINK;
    case 'cut':
      return state.kind === 'barred' ? { ...state, isCut: true } : { kind: 'cut' };
    case 'resumed':
      if (state.kind === 'barred') return { ...state, isCut: false };
      return state.kind === 'cut' ? NEW_LINK : state;
    case 'greet':
      return state.kind === 'down' ? { kind: 'greeting', failures: state.failures } : state;
    case 'proved':
      // The other side may connect while this one waits for its next attempt, and anew while an old socket seems alive.
      return state.kind === 'cut' || state.kind === 'barred' ? state : { kind: 'up', sinceMs: nowMs };
    case 'lost':
      return state.kind === 'greeting' || state.kind === 'up'
        ? {
            kind: 'down',
            failures: failuresOf(state) + 1,
            retryAtMs: nowMs + event.retryAfterMs,
            reason: event.reason,
          }
        : state;
  }
}

/**
 * How long to wait after so many failures in a row: doubled each time, and spread, so that many coordinators do not come
 * back to a restarted one at the same moment.
 *
 * @param spread - 0 to 1
 */
export function retryDelayMs(failures: number, baseMs: number, spread: number): number {
  const full = Math.min(FEDERATION_LIMITS.maxRetryMs, baseMs * 2 ** Math.min(failures, 16));
  return full * (0.5 + spread / 2);
}

/**
 * Two coordinators that connect to each other at the same time: which of two standing links both of them keep. A newer one
 * from the same side replaces the older, whose loss that side has noticed first.
 */
export function keepsNewLink(
  existing: { readonly dialerKey: string },
  arriving: { readonly dialerKey: string },
): boolean {
  return arriving.dialerKey <= existing.dialerKey;
}
