import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { NodeState } from '../protocol/compute/node-snapshot';
import { transition, type NodeEvent } from './node-lifecycle';

const range = { layer_start: 0, layer_end: 3 };
const error = { code: 'connection-lost', message: 'gone', retryable: true };
const off: NodeState = { kind: 'off' };

function run(events: NodeEvent[], from: NodeState = off): string[] {
  const kinds: string[] = [];
  let state = from;
  for (const event of events) {
    state = transition(state, event);
    kinds.push(state.kind);
  }
  return kinds;
}

const everyEvent: NodeEvent[] = [
  { type: 'started' },
  { type: 'preparing', step: 'benchmark', fraction: 0.5 },
  { type: 'preparing', step: 'model', fraction: 0.5 },
  { type: 'connecting', attempt: 1 },
  { type: 'connected' },
  { type: 'load-started', modelId: 'm', range },
  { type: 'load-progressed', fraction: 0.3 },
  { type: 'shard-registered', modelId: 'm', range },
  { type: 'paused', reason: { kind: 'user' } },
  { type: 'retry-planned', error, retryAt: '2026-01-01T00:00:00Z' },
  { type: 'failed', error },
  { type: 'stopped' },
];

describe('transition', () => {
  it('walks from off to serving', () => {
    expect(
      run([
        { type: 'started' },
        { type: 'preparing', step: 'benchmark', fraction: 0.5 },
        { type: 'connecting', attempt: 1 },
        { type: 'connected' },
        { type: 'preparing', step: 'model', fraction: 0 },
        { type: 'load-started', modelId: 'm', range },
        { type: 'load-progressed', fraction: 0.5 },
        { type: 'shard-registered', modelId: 'm', range },
      ]),
    ).toEqual(['preparing', 'preparing', 'connecting', 'registering', 'preparing', 'loading', 'loading', 'serving']);
  });

  it('comes back from a lost connection without loading again', () => {
    const serving: NodeState = { kind: 'serving', modelId: 'm', range };
    expect(
      run(
        [
          { type: 'retry-planned', error, retryAt: '2026-01-01T00:00:00Z' },
          { type: 'connecting', attempt: 2 },
          { type: 'connected' },
          { type: 'shard-registered', modelId: 'm', range },
        ],
        serving,
      ),
    ).toEqual(['waiting', 'connecting', 'registering', 'serving']);
  });

  it('ignores progress of work that is no longer shown', () => {
    const paused: NodeState = { kind: 'paused', reason: { kind: 'user' } };
    expect(transition(paused, { type: 'load-progressed', fraction: 0.9 })).toBe(paused);
    const connecting: NodeState = { kind: 'connecting', attempt: 1 };
    expect(transition(connecting, { type: 'shard-registered', modelId: 'm', range })).toBe(connecting);
    const serving: NodeState = { kind: 'serving', modelId: 'm', range };
    expect(transition(serving, { type: 'preparing', step: 'benchmark', fraction: 1 })).toBe(serving);
    expect(transition(serving, { type: 'started' })).toBe(serving);
  });

  it('starts again after a failure', () => {
    expect(run([{ type: 'started' }], { kind: 'failed', error })).toEqual(['preparing']);
  });

  it.each(everyEvent.filter((event) => event.type !== 'started'))('stays off on $type', (event) => {
    expect(transition(off, event)).toEqual(off);
  });

  it('is off after stop, whatever happened before, and keeps fractions in [0, 1]', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...everyEvent)), fc.double(), (events, fraction) => {
        let state: NodeState = off;
        for (const event of events) state = transition(state, event);
        const progressed = transition(state, { type: 'load-progressed', fraction });
        const shown = progressed.kind === 'loading' ? progressed.fraction : 0;
        expect(shown >= 0 && shown <= 1).toBe(true);
        expect(transition(state, { type: 'stopped' })).toEqual(off);
      }),
    );
  });
});
