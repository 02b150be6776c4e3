import type { LedgerEntryView } from '../../../contract';
import type { MicroGft } from '../../../protocol/compute/micro-gft';

export const EVENT_TYPES = ['issuance', 'redemption', 'purchase', 'expiry', 'penalty'] as const;

export interface LedgerFilter {
  readonly eventType: LedgerEntryView['eventType'] | 'all';
  /** Only entries of this node; null: of all. */
  readonly nodeId: string | null;
}

/** The entries that match, in the order given, and their sum. */
export function filterEntries(
  entries: readonly LedgerEntryView[],
  { eventType, nodeId }: LedgerFilter,
): { readonly entries: readonly LedgerEntryView[]; readonly sumMicroGft: MicroGft } {
  const matching = entries.filter(
    (entry) => (eventType === 'all' || entry.eventType === eventType) && (nodeId === null || entry.nodeId === nodeId),
  );
  return { entries: matching, sumMicroGft: matching.reduce((sum, { microGft }) => sum + microGft, 0) };
}
