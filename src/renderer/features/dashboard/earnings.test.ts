import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { LedgerEntryView, LedgerPage } from '../../../contract';
import { earningsBuckets, earningsTotals } from './earnings';

const nowMs = new Date(2026, 10, 22, 14, 30, 0).getTime();

function entry(microGft: number, at: Date, more: Partial<LedgerEntryView> = {}): LedgerEntryView {
  return {
    id: `${at.getTime()}-${microGft}`,
    eventType: 'issuance',
    nodeId: 'me',
    microGft,
    flops: null,
    requestId: null,
    taskId: null,
    reason: null,
    entryHash: '0',
    timestamp: at.toISOString(),
    expiresAt: null,
    ...more,
  };
}

function pageOf(entries: LedgerEntryView[]): LedgerPage {
  return { entries, balanceMicroGft: 0, totalEarnedMicroGft: 999, totalSpentMicroGft: 0, expiring: [] };
}

describe('earningsBuckets', () => {
  it('sorts today into hours', () => {
    const buckets = earningsBuckets(
      [
        entry(5, new Date(2026, 10, 22, 0, 0, 0)),
        entry(7, new Date(2026, 10, 22, 13, 59, 59)),
        entry(11, new Date(2026, 10, 22, 14, 0, 0)),
        entry(1_000, new Date(2026, 10, 21, 23, 59, 59)),
      ],
      'me',
      'day',
      nowMs,
    );
    expect(buckets).toHaveLength(24);
    expect(buckets.map(({ microGft }) => microGft).filter(Boolean)).toEqual([5, 7, 11]);
    expect(buckets[13]).toEqual({ startMs: new Date(2026, 10, 22, 13).getTime(), microGft: 7 });
  });

  it('sorts weeks and months into days, today last', () => {
    const entries = [
      entry(3, new Date(2026, 10, 22, 14, 0)),
      entry(4, new Date(2026, 10, 16, 0, 0)),
      entry(5, new Date(2026, 10, 15, 23, 59)),
      entry(6, new Date(2026, 9, 24, 12, 0)),
      entry(9, new Date(2026, 9, 23, 12, 0)),
    ];
    const week = earningsBuckets(entries, 'me', 'week', nowMs);
    expect(week.map(({ microGft }) => microGft)).toEqual([4, 0, 0, 0, 0, 0, 3]);
    const month = earningsBuckets(entries, 'me', 'month', nowMs);
    expect(month).toHaveLength(30);
    expect(month[0]?.microGft).toBe(6);
    expect(month.reduce((sum, { microGft }) => sum + microGft, 0)).toBe(18);
  });

  it('counts work only, and this node only', () => {
    const at = new Date(2026, 10, 22, 10, 0);
    const entries = [
      entry(1, at, { eventType: 'purchase' }),
      entry(-2, at, { eventType: 'redemption' }),
      entry(4, at, { nodeId: 'other' }),
      entry(8, at),
    ];
    const total = earningsBuckets(entries, 'me', 'day', nowMs).reduce((sum, { microGft }) => sum + microGft, 0);
    expect(total).toBe(8);
  });

  it('has ascending starts and loses nothing of the range, on any day', () => {
    const days = fc.date({ min: new Date(2020, 0, 1), max: new Date(2030, 0, 1), noInvalidDate: true });
    fc.assert(
      fc.property(days, fc.constantFrom('day' as const, 'week' as const, 'month' as const), (day, range) => {
        const buckets = earningsBuckets([entry(1, day)], 'me', range, day.getTime());
        const starts = buckets.map(({ startMs }) => startMs);
        expect(starts).toEqual([...new Set(starts)].sort((first, second) => first - second));
        expect(buckets.reduce((sum, { microGft }) => sum + microGft, 0)).toBe(1);
      }),
    );
  });
});

describe('earningsTotals', () => {
  const entries = [
    entry(3, new Date(2026, 10, 22, 1, 0)),
    entry(4, new Date(2026, 10, 16, 0, 0)),
    entry(100, new Date(2026, 10, 15, 23, 0)),
    entry(10_000, new Date(2026, 10, 22, 1, 0), { eventType: 'purchase' }),
  ];

  it('sums today, seven days and all work', () => {
    expect(earningsTotals(pageOf(entries), 'me', nowMs, 1_000)).toEqual({ today: 3, week: 7, all: 107 });
  });

  it('takes the total of the ledger when the page was cut', () => {
    expect(earningsTotals(pageOf(entries), 'me', nowMs, 4).all).toBe(999);
  });
});
