import { afterEach, beforeEach, expect, it } from 'vitest';
import { openTestDatabase } from '../testing/test-database';
import { MoveClaims } from './move-claims';

const MINUTE_MS = 60_000;
let opened: Awaited<ReturnType<typeof openTestDatabase>>;
let nowMs = Date.parse('2026-03-01T12:00:00.000Z');
/** Two replicas over one database. */
let one: MoveClaims;
let two: MoveClaims;

beforeEach(async () => {
  opened = await openTestDatabase();
  const clock = { nowMs: () => nowMs } as ConstructorParameters<typeof MoveClaims>[1];
  one = new MoveClaims(opened.database, clock);
  two = new MoveClaims(opened.database, clock);
});
afterEach(() => opened.close());

it('gives a model to one proposal, whichever replica made it, until it is over or has lapsed', async () => {
  expect(await one.take('m', 'first', nowMs + MINUTE_MS)).toBe(true);
  expect(await two.take('m', 'second', nowMs + MINUTE_MS)).toBe(false);
  expect(await two.take('another', 'third', nowMs + MINUTE_MS)).toBe(true);
  await one.release('first');
  expect(await two.take('m', 'second', nowMs + MINUTE_MS)).toBe(true);
  // The one who lost it can neither keep it nor give it away.
  await one.extend('first', nowMs + 10 * MINUTE_MS);
  await one.release('first');
  expect(await one.take('m', 'fourth', nowMs + MINUTE_MS)).toBe(false);
  nowMs += 2 * MINUTE_MS;
  expect(await one.take('m', 'fourth', nowMs + MINUTE_MS)).toBe(true);
  await one.extend('fourth', nowMs + 10 * MINUTE_MS);
  nowMs += 5 * MINUTE_MS;
  expect(await two.take('m', 'fifth', nowMs + MINUTE_MS)).toBe(false);
});

it('gives it to one of many who ask at once', async () => {
  const asked = Array.from({ length: 20 }, (_, index) =>
    (index % 2 === 0 ? one : two).take('m', `proposal ${index}`, nowMs + MINUTE_MS),
  );
  expect((await Promise.all(asked)).filter(Boolean)).toHaveLength(1);
});
