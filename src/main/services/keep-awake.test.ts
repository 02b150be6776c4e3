import { describe, expect, it } from 'vitest';
import { KeepAwake } from './keep-awake';

describe('KeepAwake', () => {
  it('holds the computer awake only while it serves and only when asked to', () => {
    const held = new Set<number>();
    let next = 1;
    const keep = new KeepAwake({
      start: () => {
        held.add(next);
        return next++;
      },
      stop: (id) => held.delete(id),
    });
    const serving = { kind: 'serving', modelId: 'm', range: { layer_start: 0, layer_end: 1 } } as const;
    keep.update('never', serving);
    expect(held.size).toBe(0);
    keep.update('working', serving);
    keep.update('working', serving);
    expect(held.size).toBe(1);
    keep.update('working', { kind: 'paused', reason: { kind: 'user' } });
    expect(held.size).toBe(0);
    keep.update('working', serving);
    keep.update('never', serving);
    expect(held.size).toBe(0);
  });
});
