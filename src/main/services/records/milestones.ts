import type { Milestone, NextMilestone, WorkCounters } from '../../../contract/records';
import { MICRO_GFT_PER_GFT } from '../../../protocol/compute/micro-gft';

const SECONDS_PER_HOUR = 3_600;
const FLOPS_PER_TERAFLOP = 1e12;

/** Goals of each kind; far enough apart that none comes every day. */
const GOALS: Readonly<Record<Milestone['kind'], readonly number[]>> = {
  requests: [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000],
  teraflops: [1, 100, 10_000, 1_000_000, 100_000_000],
  gft: [1, 10, 100, 1_000, 10_000, 100_000],
  hours: [1, 24, 100, 1_000, 5_000, 10_000],
};
const KINDS = Object.keys(GOALS) as readonly Milestone['kind'][];

function reachedBy(kind: Milestone['kind'], total: WorkCounters): number {
  switch (kind) {
    case 'requests':
      return total.requests;
    case 'teraflops':
      return total.flops / FLOPS_PER_TERAFLOP;
    case 'gft':
      return total.earnedMicroGft / MICRO_GFT_PER_GFT;
    case 'hours':
      return total.servingSeconds / SECONDS_PER_HOUR;
  }
}

/** The goals these sums have reached. */
export function reachedMilestones(total: WorkCounters): readonly Omit<Milestone, 'reachedAt'>[] {
  return KINDS.flatMap((kind) =>
    GOALS[kind].filter((value) => reachedBy(kind, total) >= value).map((value) => ({ kind, value })),
  );
}

/** The next goal of each kind. */
export function nextMilestones(total: WorkCounters): readonly NextMilestone[] {
  return KINDS.flatMap((kind) => {
    const reached = reachedBy(kind, total);
    const value = GOALS[kind].find((goal) => goal > reached);
    return value === undefined ? [] : [{ kind, value, fraction: reached / value }];
  });
}
