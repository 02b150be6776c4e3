import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { flattenActivations } from './http-driver';

describe('flattenActivations', () => {
  it('reads nested and flat activations alike', () => {
    const rows = fc.array(
      fc.array(fc.float({ noNaN: true, noDefaultInfinity: true }), { minLength: 4, maxLength: 4 }),
      { minLength: 1, maxLength: 5 },
    );
    fc.assert(
      fc.property(rows, (values) => {
        const flat = values.flat();
        for (const shape of [[values], values, flat]) {
          expect(Array.from(flattenActivations(shape, flat.length) ?? [])).toEqual(flat);
        }
      }),
    );
  });

  it('refuses other lengths, other things, and numbers that are not finite', () => {
    expect(flattenActivations([1, 2], 3)).toBeNull();
    expect(flattenActivations([1, 2, 3, 4], 3)).toBeNull();
    expect(flattenActivations([1, 'two', 3], 3)).toBeNull();
    expect(flattenActivations([1, null, 3], 3)).toBeNull();
    expect(flattenActivations([1e300], 1)).toBeNull();
    expect(flattenActivations([[[[1]]]], 1)).toBeNull();
  });
});
