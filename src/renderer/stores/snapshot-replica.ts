import type { AppSnapshot, SnapshotUpdate } from '../../contract';
import type { Failure } from '../../protocol/result';
import type { ToreConnection } from './tore-api';

/** Main's snapshot as of a revision. */
export interface RevisedSnapshot {
  readonly revision: number;
  readonly snapshot: AppSnapshot;
}

export type UpdateOutcome =
  | { readonly kind: 'applied'; readonly state: RevisedSnapshot }
  /** Already part of the snapshot. */
  | { readonly kind: 'stale' }
  /** An update in between never arrived. */
  | { readonly kind: 'gap' };

/** Applies one update; updates count up by one. */
export function applyUpdate(state: RevisedSnapshot, update: SnapshotUpdate): UpdateOutcome {
  if (update.revision <= state.revision) return { kind: 'stale' };
  if (update.revision > state.revision + 1) return { kind: 'gap' };
  return {
    kind: 'applied',
    state: { revision: update.revision, snapshot: { ...state.snapshot, ...update.changes } },
  };
}

export interface ReplicaListener {
  readonly changed: (state: RevisedSnapshot) => void;
  /** Null once a fetch succeeded again. */
  readonly failed: (error: Failure | null) => void;
}

/** First and longest wait before a failed fetch is tried again. */
const RETRY_MS = { first: 1_000, longest: 10_000 } as const;

/**
 * Keeps a copy of main's snapshot: fetches it whole, applies updates in order, and fetches again when one is missing.
 * Updates that arrive during a fetch wait for it.
 *
 * @returns the function that ends it.
 */
export function followSnapshot(connection: ToreConnection, listener: ReplicaListener): () => void {
  let state: RevisedSnapshot | null = null;
  let fetching = false;
  let ended = false;
  let held: SnapshotUpdate[] = [];
  let retryTimer: ReturnType<typeof setTimeout> | undefined;

  const take = (update: SnapshotUpdate): void => {
    if (fetching || state === null) {
      held.push(update);
      return;
    }
    const outcome = applyUpdate(state, update);
    if (outcome.kind === 'applied') {
      state = outcome.state;
      listener.changed(state);
    } else if (outcome.kind === 'gap') {
      held.push(update);
      void fetchWhole(RETRY_MS.first);
    }
  };

  const fetchWhole = async (waitMs: number): Promise<void> => {
    fetching = true;
    const result = await connection.call('app:get-snapshot', null);
    fetching = false;
    if (ended) return;
    if (!result.ok) {
      listener.failed(result.error);
      fetching = true;
      retryTimer = setTimeout(() => void fetchWhole(Math.min(waitMs * 2, RETRY_MS.longest)), waitMs);
      return;
    }
    listener.failed(null);
    state = result.value;
    listener.changed(state);
    const waiting = held.sort((first, second) => first.revision - second.revision);
    held = [];
    waiting.forEach(take);
  };

  const unsubscribe = connection.on('snapshot-updated', take);
  void fetchWhole(RETRY_MS.first);
  return () => {
    ended = true;
    clearTimeout(retryTimer);
    unsubscribe();
  };
}
