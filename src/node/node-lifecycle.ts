import type { LayerRange } from '../protocol/compute/model';
import type { NodeState, PauseReason } from '../protocol/compute/node-snapshot';
import type { Failure } from '../protocol/result';
import { timeText, type Clock } from './clock';

/** What can happen to a node, as far as its state shows it. The states and their diagram are in protocol. */
export type NodeEvent =
  | { readonly type: 'started' }
  | {
      readonly type: 'preparing';
      readonly step: Extract<NodeState, { kind: 'preparing' }>['step'];
      readonly fraction: number;
    }
  | { readonly type: 'connecting'; readonly attempt: number }
  | { readonly type: 'connected' }
  | { readonly type: 'load-started'; readonly modelId: string; readonly range: LayerRange }
  | { readonly type: 'load-progressed'; readonly fraction: number }
  | { readonly type: 'shard-registered'; readonly modelId: string; readonly range: LayerRange }
  | { readonly type: 'paused'; readonly reason: PauseReason }
  | { readonly type: 'retry-planned'; readonly error: Failure; readonly retryAt: string }
  | { readonly type: 'failed'; readonly error: Failure }
  | { readonly type: 'stopped' };

/** A failure as the state shows it: with the time of the next attempt, or where `delayMs` is null as one that stays. */
export function failureEvent(error: Failure, delayMs: number | null, clock: Pick<Clock, 'now'>): NodeEvent {
  return delayMs === null
    ? { type: 'failed', error }
    : { type: 'retry-planned', error, retryAt: timeText(clock.now() + delayMs) };
}

const clampFraction = (fraction: number): number =>
  Number.isFinite(fraction) ? Math.min(1, Math.max(0, fraction)) : 0;

/**
 * The next state. An event that does not belong to the current state leaves it as it is: progress of work that was just
 * cancelled may still arrive, and a stopped node stays stopped until it is started.
 */
export function transition(state: NodeState, event: NodeEvent): NodeState {
  if (event.type === 'stopped') return state.kind === 'off' ? state : { kind: 'off' };
  if (event.type === 'started') {
    return state.kind === 'off' || state.kind === 'failed'
      ? { kind: 'preparing', step: 'identity', fraction: 0 }
      : state;
  }
  if (state.kind === 'off') return state;
  switch (event.type) {
    case 'preparing': {
      // While connected only the model can need preparing: it was changed, or is read for the first time.
      const connected = state.kind === 'registering' || state.kind === 'serving' || state.kind === 'loading';
      if (connected && event.step !== 'model') return state;
      return { kind: 'preparing', step: event.step, fraction: clampFraction(event.fraction) };
    }
    case 'connecting':
      return { kind: 'connecting', attempt: event.attempt };
    case 'connected':
      return state.kind === 'connecting' ? { kind: 'registering' } : state;
    case 'load-started':
      if (state.kind === 'connecting') return state;
      return { kind: 'loading', modelId: event.modelId, range: event.range, fraction: 0 };
    case 'load-progressed':
      return state.kind === 'loading' ? { ...state, fraction: clampFraction(event.fraction) } : state;
    case 'shard-registered':
      if (state.kind === 'connecting' || state.kind === 'failed') return state;
      return { kind: 'serving', modelId: event.modelId, range: event.range };
    case 'paused':
      return { kind: 'paused', reason: event.reason };
    case 'retry-planned':
      return { kind: 'waiting', error: event.error, retryAt: event.retryAt };
    case 'failed':
      return { kind: 'failed', error: event.error };
  }
}
