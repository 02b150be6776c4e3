import { useEffect } from 'react';
import { create } from 'zustand';
import type { LedgerPage, LedgerVerification } from '../../contract';
import type { Failure } from '../../protocol/result';
import { useSnapshot, useSnapshotStore } from './snapshot-store';
import { callTore } from './tore-api';

/** The most entries one call gives; earnings older than those count only in the coordinator's totals. */
export const LEDGER_PAGE_LIMIT = 1_000;

interface LedgerStore {
  readonly page: LedgerPage | null;
  readonly failure: Failure | null;
  readonly loading: boolean;
  readonly verification: LedgerVerification | null;
}

export const useLedgerStore = create<LedgerStore>(() => ({
  page: null,
  failure: null,
  loading: false,
  verification: null,
}));

let askedAgain = false;

/** Reads the newest entries; a request during another is answered by one more reading after it. */
export async function refreshLedger(): Promise<void> {
  if (useLedgerStore.getState().loading) {
    askedAgain = true;
    return;
  }
  useLedgerStore.setState({ loading: true });
  const result = await callTore('ledger:get-page', { limit: LEDGER_PAGE_LIMIT });
  useLedgerStore.setState(
    result.ok ? { page: result.value, failure: null, loading: false } : { failure: result.error, loading: false },
  );
  if (askedAgain) {
    askedAgain = false;
    await refreshLedger();
  }
}

/** Keeps the page current while a screen shows it: read at first and whenever the balance or the work done changed. */
export function useLedger(): LedgerStore {
  const enabled = useSnapshot(({ node }) => node.coordinator.tokenMode === true);
  useEffect(() => {
    if (!enabled) return undefined;
    void refreshLedger();
    return useSnapshotStore.subscribe(({ snapshot: now }, { snapshot: before }) => {
      const changed =
        now?.node.balanceMicroGft !== before?.node.balanceMicroGft ||
        now?.node.requestsServed !== before?.node.requestsServed;
      if (changed) void refreshLedger();
    });
  }, [enabled]);
  return useLedgerStore();
}
