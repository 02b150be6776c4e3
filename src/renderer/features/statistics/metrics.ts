import type { StatisticsBucket, WorkCounters } from '../../../contract';
import { MICRO_GFT_PER_GFT } from '../../../protocol/compute/micro-gft';

/** What can be plotted, in the order of the figures. */
export const METRICS = ['earned', 'requests', 'flops', 'uptime', 'reliability', 'energy', 'renewable'] as const;
export type Metric = (typeof METRICS)[number];

type Sums = Pick<StatisticsBucket, 'work' | 'runningSeconds'>;

/** Metrics that are shares: they have a mean and no sum. */
export const SHARES: ReadonlySet<Metric> = new Set(['reliability', 'renewable']);

const share = (part: number, whole: number): number | null => (whole > 0 ? part / whole : null);

/**
 * A figure in the unit it is plotted in: GFT, requests, FLOPs, hours, watt-hours, shares of 0 to 1. Null where there is
 * nothing to take a share of.
 */
export function metricValue(metric: Metric, { work }: Pick<Sums, 'work'>): number | null {
  switch (metric) {
    case 'earned':
      return work.earnedMicroGft / MICRO_GFT_PER_GFT;
    case 'requests':
      return work.requests;
    case 'flops':
      return work.flops;
    case 'uptime':
      return work.servingSeconds / 3_600;
    case 'reliability':
      return share(work.reliabilitySeconds, work.ratedSeconds);
    case 'energy':
      return work.energyJoules / 3_600;
    case 'renewable':
      return share(work.renewableJoules, work.gridJoules);
  }
}

const MINUTES_PER_HOUR = 60;

/** What figures are multiplied by for the plot, so that its axis has round numbers: hours become minutes below one. */
export function plotFactor(metric: Metric, largest: number): number {
  return metric === 'uptime' && largest < 1 ? MINUTES_PER_HOUR : 1;
}

/** The sums of several buckets. */
export function sumOf(buckets: readonly StatisticsBucket[]): Sums {
  const work: Record<string, number> = {};
  let runningSeconds = 0;
  for (const bucket of buckets) {
    runningSeconds += bucket.runningSeconds;
    for (const [counter, value] of Object.entries(bucket.work)) work[counter] = (work[counter] ?? 0) + value;
  }
  return { work: work as WorkCounters, runningSeconds };
}

/** How a figure compares with the one before, as a share of it; null where there was nothing before. */
export function changeSince(now: number | null, before: number | null): number | null {
  return now === null || before === null || before <= 0 ? null : (now - before) / before;
}
