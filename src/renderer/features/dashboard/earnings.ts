import type { LedgerEntryView, LedgerPage } from '../../../contract';
import type { MicroGft } from '../../../protocol/compute/micro-gft';

export const EARNINGS_RANGES = ['day', 'week', 'month'] as const;
export type EarningsRange = (typeof EARNINGS_RANGES)[number];

/** What was earned from `startMs` until the start of the next bucket. */
export interface EarningsBucket {
  readonly startMs: number;
  readonly microGft: MicroGft;
}

export interface EarningsTotals {
  readonly today: MicroGft;
  /** Today and the six days before. */
  readonly week: MicroGft;
  readonly all: MicroGft;
}

const DAYS = { week: 7, month: 30 } as const;

/** Earned by work: grants and spending are no earnings. */
function isEarning(entry: LedgerEntryView, nodeId: string): boolean {
  return entry.eventType === 'issuance' && entry.nodeId === nodeId;
}

function midnight(nowMs: number, daysBack: number): number {
  const day = new Date(nowMs);
  return new Date(day.getFullYear(), day.getMonth(), day.getDate() - daysBack).getTime();
}

/** Starts of the buckets in local time, and the end of the last one: hours of today, or days with today last. */
function bucketEdges(range: EarningsRange, nowMs: number): number[] {
  if (range === 'day') {
    const day = new Date(nowMs);
    // Through the calendar, so that the days on which clocks change have 23 or 25 hours and no two equal starts.
    const edges = Array.from({ length: 25 }, (_, hour) =>
      new Date(day.getFullYear(), day.getMonth(), day.getDate(), hour).getTime(),
    );
    return [...new Set(edges)];
  }
  const days = DAYS[range];
  return Array.from({ length: days + 1 }, (_, index) => midnight(nowMs, days - 1 - index));
}

/** What this node earned by work, by hour today or by day in the last week or month; oldest bucket first. */
export function earningsBuckets(
  entries: readonly LedgerEntryView[],
  nodeId: string,
  range: EarningsRange,
  nowMs: number,
): EarningsBucket[] {
  const edges = bucketEdges(range, nowMs);
  const sums = edges.slice(0, -1).map(() => 0);
  for (const entry of entries) {
    if (!isEarning(entry, nodeId)) continue;
    const at = Date.parse(entry.timestamp);
    const index = edges.findLastIndex((edge) => edge <= at);
    const sum = sums[index];
    if (sum !== undefined) sums[index] = sum + entry.microGft;
  }
  return sums.map((microGft, index) => ({ startMs: edges[index] ?? 0, microGft }));
}

/**
 * What was earned today, in seven days and in all. When the page was cut at `pageLimit` entries, older earnings are
 * only in the ledger's own total, which is taken then.
 */
export function earningsTotals(page: LedgerPage, nodeId: string, nowMs: number, pageLimit: number): EarningsTotals {
  const sumSince = (sinceMs: number): number =>
    page.entries
      .filter((entry) => isEarning(entry, nodeId) && Date.parse(entry.timestamp) >= sinceMs)
      .reduce((sum, { microGft }) => sum + microGft, 0);
  const complete = page.entries.length < pageLimit;
  return {
    today: sumSince(midnight(nowMs, 0)),
    week: sumSince(midnight(nowMs, DAYS.week - 1)),
    all: complete ? sumSince(Number.NEGATIVE_INFINITY) : page.totalEarnedMicroGft,
  };
}
