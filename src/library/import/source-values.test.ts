import { describe, expect, it } from 'vitest';
import { timeOf } from './source-values';

describe('times of other products', () => {
  it.each([
    [1_700_000_000, '2023-11-14T22:13:20.000Z'],
    [1_700_000_000.25, '2023-11-14T22:13:20.250Z'],
    ['1700000000', '2023-11-14T22:13:20.000Z'],
    [1_700_000_000_250, '2023-11-14T22:13:20.250Z'],
    [1_700_000_000_250_000, '2023-11-14T22:13:20.250Z'],
    ['2023-11-14T22:13:20.250432Z', '2023-11-14T22:13:20.250Z'],
    ['2023-11-14T23:13:20+01:00', '2023-11-14T22:13:20.000Z'],
    ['2023-11-14 22:13:20', '2023-11-14T22:13:20.000Z'],
    ['2023-11-14T22:13:20', '2023-11-14T22:13:20.000Z'],
  ])('reads %s', (value, time) => {
    expect(timeOf(value)).toBe(time);
  });

  it.each([
    0,
    -1,
    null,
    undefined,
    '',
    'yesterday',
    Number.NaN,
    1e300,
    '99999-01-01',
    '2023-99-99T00:00:00Z',
    {},
    true,
  ])('finds no time in %s', (value) => {
    expect(timeOf(value)).toBeNull();
  });
});
