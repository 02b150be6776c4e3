import { describe, expect, it, vi } from 'vitest';
import type { AppEvents, AppSnapshot, SnapshotUpdate } from '../../contract';
import { failure, success } from '../../protocol/result';
import { applyUpdate, followSnapshot, type RevisedSnapshot } from './snapshot-replica';
import type { ToreConnection } from './tore-api';

const snapshot = { appVersion: '1', hasRemoteAccessToken: false } as AppSnapshot;

describe('applyUpdate', () => {
  const state: RevisedSnapshot = { revision: 4, snapshot };

  it('merges the next update and leaves the earlier state alone', () => {
    const outcome = applyUpdate(state, { revision: 5, changes: { hasRemoteAccessToken: true } });
    expect(outcome).toEqual({
      kind: 'applied',
      state: { revision: 5, snapshot: { appVersion: '1', hasRemoteAccessToken: true } },
    });
    expect(state.snapshot.hasRemoteAccessToken).toBe(false);
  });

  it('ignores what it has and notices what is missing', () => {
    expect(applyUpdate(state, { revision: 4, changes: {} }).kind).toBe('stale');
    expect(applyUpdate(state, { revision: 6, changes: {} }).kind).toBe('gap');
  });
});

/** A main process whose snapshot answers are given one by one. */
function fakeMain() {
  const answers: ((state: RevisedSnapshot | 'fail') => void)[] = [];
  let emit: (update: SnapshotUpdate) => void = () => undefined;
  const connection = {
    call: () =>
      new Promise((resolve) => {
        answers.push((state) => resolve(state === 'fail' ? failure('broken', 'No answer.') : success(state)));
      }),
    on: (_event: string, listener: (payload: AppEvents['snapshot-updated']) => void) => {
      emit = listener;
      return () => undefined;
    },
  } as unknown as ToreConnection;
  return {
    connection,
    fetches: () => answers.length,
    send: (update: SnapshotUpdate) => emit(update),
    async answer(index: number, state: RevisedSnapshot | 'fail') {
      answers[index]?.(state);
      await Promise.resolve();
      await Promise.resolve();
      await Promise.resolve();
    },
  };
}

function follow(main: ReturnType<typeof fakeMain>) {
  const seen: RevisedSnapshot[] = [];
  const failures: (string | null)[] = [];
  const end = followSnapshot(main.connection, {
    changed: (state) => seen.push(state),
    failed: (error) => failures.push(error?.code ?? null),
  });
  return { seen, failures, end };
}

describe('followSnapshot', () => {
  it('holds updates that arrive before the snapshot and applies the newer ones in order', async () => {
    const main = fakeMain();
    const { seen } = follow(main);
    main.send({ revision: 3, changes: { appVersion: 'three' } });
    main.send({ revision: 1, changes: { appVersion: 'one' } });
    main.send({ revision: 2, changes: { appVersion: 'two' } });
    await main.answer(0, { revision: 1, snapshot });
    expect(seen.map((state) => [state.revision, state.snapshot.appVersion])).toEqual([
      [1, '1'],
      [2, 'two'],
      [3, 'three'],
    ]);
  });

  it('fetches again on a gap, once, and then goes on', async () => {
    const main = fakeMain();
    const { seen } = follow(main);
    await main.answer(0, { revision: 1, snapshot });
    main.send({ revision: 3, changes: { appVersion: 'three' } });
    main.send({ revision: 4, changes: { appVersion: 'four' } });
    expect(main.fetches()).toBe(2);
    await main.answer(1, { revision: 3, snapshot: { ...snapshot, appVersion: 'three' } });
    expect(seen.at(-1)).toMatchObject({ revision: 4, snapshot: { appVersion: 'four' } });
    expect(main.fetches()).toBe(2);
  });

  it('reports a failed fetch and tries again', async () => {
    vi.useFakeTimers();
    try {
      const main = fakeMain();
      const { seen, failures, end } = follow(main);
      await main.answer(0, 'fail');
      expect(failures).toEqual(['broken']);
      await vi.advanceTimersByTimeAsync(1_000);
      await main.answer(1, { revision: 9, snapshot });
      expect(failures).toEqual(['broken', null]);
      expect(seen).toHaveLength(1);
      end();
    } finally {
      vi.useRealTimers();
    }
  });
});
