import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { countFlops, countRangeRequestFlops, countRequestFlops } from './flops';
import type { ModelShape } from './model';

const shape: ModelShape = {
  layers: 3,
  hidden_size: 8,
  feed_forward_size: 12,
  attention_heads: 4,
  key_value_heads: 2,
  head_size: 2,
  vocabulary_size: 20,
  context_length: 64,
};

/** Counts one layer by walking the products of a decoder layer, position by position. */
function walkLayer(positions: number, past: number): number {
  const product = (rows: number, inner: number, columns: number): number => 2 * rows * inner * columns;
  let flops = 0;
  for (let position = 0; position < positions; position += 1) {
    const attended = past + position + 1;
    flops += product(1, 8, 4 * 2) + product(1, 8, 2 * 2) * 2;
    for (let head = 0; head < 4; head += 1) flops += product(1, 2, attended) + product(1, attended, 2);
    flops += product(1, 4 * 2, 8);
    flops += product(1, 8, 12) * 2 + product(1, 12, 8);
  }
  return flops;
}

const sizes = { positions: fc.integer({ min: 0, max: 9 }), past: fc.integer({ min: 0, max: 30 }) };

describe('counted FLOPs', () => {
  it('equal a walk over every product', () => {
    fc.assert(
      fc.property(sizes.positions, sizes.past, (positions, past) => {
        expect(countFlops(shape, { layer_start: 0, layer_end: 1 }, positions, past)).toBe(
          2 * walkLayer(positions, past),
        );
        const head = positions > 0 ? 2 * 8 * 20 : 0;
        expect(countFlops(shape, { layer_start: 2, layer_end: 2 }, positions, past)).toBe(
          walkLayer(positions, past) + head,
        );
      }),
    );
  });

  it('add up over any split of the layers', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 1 }),
        fc.integer({ min: 1, max: 20 }),
        fc.integer({ min: 0, max: 20 }),
        (cut, input, output) => {
          const first = countRangeRequestFlops(shape, { layer_start: 0, layer_end: cut }, input, output);
          const second = countRangeRequestFlops(shape, { layer_start: cut + 1, layer_end: 2 }, input, output);
          expect(first + second).toBe(countRequestFlops(shape, input, output));
        },
      ),
    );
  });

  it('of a request equal the prefill and each decode step', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 0, max: 20 }), (input, output) => {
        const whole = { layer_start: 0, layer_end: 2 };
        let flops = countFlops(shape, whole, input, 0);
        for (let step = 0; step < output - 1; step += 1) flops += countFlops(shape, whole, 1, input + step);
        expect(countRequestFlops(shape, input, output)).toBe(flops);
      }),
    );
  });

  it('are nothing for nothing', () => {
    expect(countRequestFlops(shape, 0, 5)).toBe(0);
  });
});
