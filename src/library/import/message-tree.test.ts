import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { orderTree } from './message-tree';

describe('making a tree of messages', () => {
  it('puts parents before children and keeps every message, whatever they point to', () => {
    const id = fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f', 'g');
    const message = fc.record({ id, parentId: fc.option(fc.oneof(id, fc.constant('missing'))) });
    fc.assert(
      fc.property(fc.array(message, { maxLength: 30 }), (messages) => {
        const { nodes, lastLeaf } = orderTree(messages);
        const seen = new Set<string>();
        for (const placed of nodes) {
          if (placed.parentId !== null) expect(seen.has(placed.parentId)).toBe(true);
          expect(seen.has(placed.id)).toBe(false);
          seen.add(placed.id);
        }
        expect(nodes.map(({ node }) => node).sort(compare)).toEqual([...messages].sort(compare));
        expect(lastLeaf === null).toBe(messages.length === 0);
        if (lastLeaf !== null) expect(nodes.some(({ parentId }) => parentId === lastLeaf)).toBe(false);
      }),
      { numRuns: 500 },
    );
  });

  it('takes hundreds of thousands of messages of one id in its stride', () => {
    const { nodes } = orderTree(Array.from({ length: 200_000 }, () => ({ id: 'same', parentId: null })));
    expect(nodes.at(-1)?.id).toBe('same-200000');
  });

  it('opens a loop at one place and says where it led', () => {
    const { nodes } = orderTree([
      { id: 'a', parentId: 'c' },
      { id: 'b', parentId: 'a' },
      { id: 'c', parentId: 'b' },
    ]);
    expect(nodes.filter(({ parentId }) => parentId === null)).toHaveLength(1);
    expect(nodes.filter(({ notes }) => 'loop_parent_id' in notes)).toHaveLength(1);
  });

  it('follows half a million messages in a row without recursion', () => {
    const long = Array.from({ length: 500_000 }, (_, index) => ({
      id: String(index),
      parentId: index === 0 ? null : String(index - 1),
    }));
    expect(orderTree([...long].reverse()).lastLeaf).toBe('499999');
  });

  it('keeps two messages of one id apart', () => {
    const { nodes } = orderTree([
      { id: 'a', parentId: null },
      { id: 'a', parentId: 'a' },
    ]);
    expect(nodes.map(({ id, parentId, notes }) => [id, parentId, notes['original_id']])).toEqual([
      ['a', null, undefined],
      ['a-2', 'a', 'a'],
    ]);
  });
});

function compare(a: object, b: object): number {
  return JSON.stringify(a) < JSON.stringify(b) ? -1 : 1;
}
