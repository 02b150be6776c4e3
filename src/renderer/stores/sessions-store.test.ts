import { describe, expect, it } from 'vitest';
import type { SessionView } from '../../contract';
import type { Turn } from '../../protocol/session/session';
import { applyUpdate } from './sessions-store';

const turn = (seq: number) => ({ id: `t-${seq}`, seq }) as unknown as Turn;
const view = (count: number) =>
  ({
    state: { link: 'current' },
    turns: Array.from({ length: count }, (_, index) => turn(index + 1)),
  }) as unknown as SessionView;

describe('the copy of a session in the window', () => {
  it('takes turns that follow or overlap, and asks again over a gap', () => {
    const update = (turns: Turn[]) => ({ sessionId: 's', turns, state: null });
    expect(applyUpdate(view(2), update([turn(3), turn(4)]))?.turns.map(({ seq }) => seq)).toEqual([1, 2, 3, 4]);
    expect(applyUpdate(view(3), update([turn(3), turn(4)]))?.turns.map(({ seq }) => seq)).toEqual([1, 2, 3, 4]);
    expect(applyUpdate(view(2), update([turn(4)]))).toBeNull();
    expect(applyUpdate(view(2), update([]))?.turns).toHaveLength(2);
  });
});
