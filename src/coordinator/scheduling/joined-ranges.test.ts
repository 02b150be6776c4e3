import { describe, expect, it } from 'vitest';
import { joinedRanges } from './joined-ranges';

const range = (first: number, last: number) => ({ layer_start: first, layer_end: last });

describe('ranges that join', () => {
  it('are every range that meets the next without gap or overlap, widest first', () => {
    expect(joinedRanges([range(2, 3), range(4, 5), range(6, 7)])).toEqual([
      range(2, 7),
      range(2, 5),
      range(4, 7),
      range(2, 3),
      range(4, 5),
      range(6, 7),
    ]);
  });

  it('are only themselves where they overlap or leave a gap, and each is there once', () => {
    expect(joinedRanges([range(0, 3), range(2, 5), range(0, 3)])).toEqual([range(0, 3), range(2, 5)]);
    expect(joinedRanges([range(0, 1), range(3, 3)])).toEqual([range(0, 1), range(3, 3)]);
    expect(joinedRanges([])).toEqual([]);
  });

  it('are found once over two ways to the same border', () => {
    const held = [range(0, 1), range(2, 3), range(0, 2), range(3, 3)];
    expect(joinedRanges(held)).toEqual([range(0, 3), range(0, 2), range(0, 1), range(2, 3), range(3, 3)]);
  });
});
