import { expect, it } from 'vitest';
import { WIRE_LIMITS } from '../protocol/wire/limits';
import type { CoordinatorEvent } from './coordinator-client/coordinator-client';
import { EarlyEvents } from './early-events';

it('keeps early events in order and in bounds, without activations, and passes on the later ones', () => {
  const early = new EarlyEvents();
  const activation: CoordinatorEvent = { kind: 'activation', bytes: new Uint8Array(1) };
  for (let index = 0; index < 1_000; index += 1) {
    early.take(activation);
    early.take({ kind: 'notice', text: String(index) });
  }
  const passed: CoordinatorEvent[] = [];
  early.passTo((event) => passed.push(event));
  expect(passed).toHaveLength(WIRE_LIMITS.maxReplayedEvents);
  expect(passed.slice(0, 2)).toEqual([
    { kind: 'notice', text: '0' },
    { kind: 'notice', text: '1' },
  ]);
  early.take(activation);
  expect(passed.at(-1)).toBe(activation);
});
