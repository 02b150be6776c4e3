import { expect, it } from 'vitest';
import { ManualClock } from '../test-doubles/manual-clock';
import { BackOff, SLOW_RETRY_MS } from './back-off';

it('doubles the pause up to a minute, with jitter in its upper half', () => {
  const clock = new ManualClock();
  const backOff = new BackOff(clock);
  clock.chance = 0;
  expect([1, 2, 3, 4, 5, 6, 7, 8].map(() => backOff.nextDelayMs())).toEqual([
    500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000,
  ]);
  clock.chance = 0.999999;
  expect(backOff.nextDelayMs()).toBe(60_000);
});

it('starts small again after a reset or a calm time', () => {
  const clock = new ManualClock();
  const backOff = new BackOff(clock);
  for (let attempt = 0; attempt < 5; attempt += 1) backOff.nextDelayMs();
  backOff.reset();
  expect(backOff.nextDelayMs()).toBe(750);
  clock.advance(60_000);
  expect(backOff.nextDelayMs()).toBe(1_500);
  clock.set(-3 * 3_600_000);
  clock.advance(122_000);
  expect(backOff.nextDelayMs()).toBe(750);
});

it('grows up to a longer pause where one is given', () => {
  const clock = new ManualClock();
  const backOff = new BackOff(clock);
  clock.chance = 0.999999;
  for (let attempt = 0; attempt < 12; attempt += 1) clock.advance(backOff.nextDelayMs(SLOW_RETRY_MS));
  expect(backOff.nextDelayMs(SLOW_RETRY_MS)).toBe(SLOW_RETRY_MS);
});

it.each([
  ['coordinator-not-tore', true, 750],
  ['coordinator-not-tore', false, null],
  ['coordinator-unauthorized', true, null],
  ['proof-refused', true, null],
  ['connection-replaced', true, null],
])('comes back after %s to a known coordinator (%s) in %s ms', (code, isKnown, delayMs) => {
  const error = { code, message: 'No.', retryable: false };
  expect(new BackOff(new ManualClock()).delayAfter(error, isKnown)).toBe(delayMs);
});
