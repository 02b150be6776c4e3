import { describe, expect, it } from 'vitest';
import { arcPath, scalePosition } from './reliability-scale';

describe('the reliability dial', () => {
  it('places values on the scale from 0.5 to 1', () => {
    expect(scalePosition(0.5)).toBe(0);
    expect(scalePosition(0.75)).toBe(0.5);
    expect(scalePosition(1)).toBe(1);
    expect(scalePosition(0.2)).toBe(0);
    expect(scalePosition(1.2)).toBe(1);
  });

  it('draws from lower left over the top to lower right', () => {
    expect(arcPath(50, 40, 0, 1)).toBe('M 21.72 78.28 A 40 40 0 1 1 78.28 78.28');
    expect(arcPath(50, 40, 0, 0.5)).toBe('M 21.72 78.28 A 40 40 0 0 1 50.00 10.00');
  });
});
