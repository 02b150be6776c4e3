import { useEffect } from 'react';
import { create } from 'zustand';
import type { TrustView } from '../../contract';
import type { Failure } from '../../protocol/result';
import { callTore } from './tore-api';

interface TrustStore {
  /** Null until main has answered. */
  readonly view: TrustView | null;
  readonly failure: Failure | null;
  /** Counts up with every change, so that an open handshake reads itself again. */
  readonly changes: number;
}

export const useTrustStore = create<TrustStore>(() => ({ view: null, failure: null, changes: 0 }));

async function refreshTrust(): Promise<void> {
  const result = await callTore('trust:get', null);
  useTrustStore.setState(({ changes }) =>
    result.ok ? { view: result.value, failure: null, changes: changes + 1 } : { failure: result.error },
  );
}

/** Keeps the replica current while a screen shows it. */
export function useTrust(): TrustStore {
  useEffect(() => {
    void refreshTrust();
    return window.tore.on('trust-changed', () => void refreshTrust());
  }, []);
  return useTrustStore();
}
