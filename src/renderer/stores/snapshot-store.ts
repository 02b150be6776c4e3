import { create } from 'zustand';
import type { AppSnapshot } from '../../contract';
import type { Failure } from '../../protocol/result';
import { followSnapshot } from './snapshot-replica';
import { callTore } from './tore-api';

interface SnapshotStore {
  readonly snapshot: AppSnapshot | null;
  readonly failure: Failure | null;
}

/** The window's copy of what main owns. */
export const useSnapshotStore = create<SnapshotStore>(() => ({ snapshot: null, failure: null }));

/** Starts keeping the copy current; returns the function that ends it. */
export function startSnapshotStore(): () => void {
  return followSnapshot(
    { call: callTore, on: (event, listener) => window.tore.on(event, listener) },
    {
      changed: ({ snapshot }) => useSnapshotStore.setState({ snapshot }),
      failed: (failure) => useSnapshotStore.setState({ failure }),
    },
  );
}

/**
 * A part of the snapshot.
 * @throws Error when used by a component that is shown before the first snapshot.
 */
export function useSnapshot<Part>(select: (snapshot: AppSnapshot) => Part): Part {
  return useSnapshotStore(({ snapshot }) => {
    if (snapshot === null) throw new Error('A screen was shown before the first snapshot');
    return select(snapshot);
  });
}
