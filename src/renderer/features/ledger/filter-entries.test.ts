import { describe, expect, it } from 'vitest';
import type { LedgerEntryView } from '../../../contract';
import { filterEntries } from './filter-entries';

function entry(id: string, eventType: LedgerEntryView['eventType'], nodeId: string, microGft: number): LedgerEntryView {
  return {
    id,
    eventType,
    nodeId,
    microGft,
    flops: null,
    requestId: null,
    taskId: null,
    reason: null,
    entryHash: id,
    timestamp: '2026-01-01T00:00:00Z',
    expiresAt: null,
  };
}

const entries = [
  entry('1', 'issuance', 'me', 10),
  entry('2', 'redemption', 'me', -4),
  entry('3', 'issuance', 'other', 100),
];
const idsOf = (result: ReturnType<typeof filterEntries>) => result.entries.map(({ id }) => id);

describe('filterEntries', () => {
  it('filters by type and by node and sums what is left', () => {
    const all = filterEntries(entries, { eventType: 'all', nodeId: null });
    expect([idsOf(all), all.sumMicroGft]).toEqual([['1', '2', '3'], 106]);
    const mine = filterEntries(entries, { eventType: 'all', nodeId: 'me' });
    expect([idsOf(mine), mine.sumMicroGft]).toEqual([['1', '2'], 6]);
    const earned = filterEntries(entries, { eventType: 'issuance', nodeId: 'me' });
    expect([idsOf(earned), earned.sumMicroGft]).toEqual([['1'], 10]);
    expect(filterEntries(entries, { eventType: 'penalty', nodeId: null })).toEqual({ entries: [], sumMicroGft: 0 });
  });
});
