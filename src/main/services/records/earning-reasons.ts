import type { EarningReason, StateTime, WorkCounters } from '../../../contract/records';
import type { ModelCoverage } from '../../../contract/snapshot';
import type { NodeSnapshot } from '../../../protocol/compute/node-snapshot';

/** What the explanation is drawn from. Times and work are those of the last seven days. */
export interface EarningReadings {
  readonly node: Pick<
    NodeSnapshot,
    'state' | 'coordinator' | 'reliability' | 'hardwareClass' | 'multiplier' | 'tokensPerSecond'
  >;
  readonly coverage: ModelCoverage | null;
  readonly work: WorkCounters;
  readonly states: readonly StateTime[];
  /** Seconds since the first record, at most seven days. */
  readonly observedSeconds: number;
}

/** Below this share of the time a reason is not worth a sentence. */
const NOTABLE_SHARE = 0.1;
/** A computer that has kept records for less than this is new. */
const NEW_HOURS = 24;
/** From this many holders of a layer on, each sees only a small part of the questions. */
const CROWDED_HOLDERS = 3;
/** Served time after which the absence of questions says something. */
const DEMAND_AFTER_SECONDS = 1_800;
/** With less work at hand than this share of the serving time, questions are rare. */
const RARE_WORK_SHARE = 0.02;
const FAILED_SHARE = 0.1;
/** A node starts with full reliability; below this it has lost a fifth of its pay. */
const LOW_RELIABILITY = 0.8;
const SLOW_MULTIPLIER = 0.5;
const SECONDS_PER_HOUR = 3_600;

/** Order of reasons that are no matter of time: what stops all pay, then what lowers it. */
const FIXED_WEIGHT = {
  noTokens: 10,
  suspended: 9,
  incomplete: 0.95,
  challenges: 0.85,
  noDemand: 0.6,
  crowded: 0.5,
  failures: 0.45,
  slow: 0.15,
  isNew: 0.12,
} as const;

/**
 * Why this computer earns less than it could, the weightiest first; empty when nothing stands out. Pure: the same
 * readings give the same answer.
 */
export function earningReasons(readings: EarningReadings): readonly EarningReason[] {
  const found: { readonly weight: number; readonly reason: EarningReason }[] = [];
  const add = (weight: number, reason: EarningReason): void => void found.push({ weight, reason });
  addTimeReasons(readings, add);
  addWorkReasons(readings, add);
  return found.sort((left, right) => right.weight - left.weight).map(({ reason }) => reason);
}

type Add = (weight: number, reason: EarningReason) => void;

function addTimeReasons({ node, states, observedSeconds }: EarningReadings, add: Add): void {
  if (node.coordinator.tokenMode === false) add(FIXED_WEIGHT.noTokens, { kind: 'no-tokens' });
  if (node.state.kind === 'paused' && node.state.reason.kind === 'suspended') {
    add(FIXED_WEIGHT.suspended, { kind: 'suspended' });
  }
  if (observedSeconds <= 0) return;
  const secondsOf = (test: (state: string) => boolean): number =>
    states.filter(({ state }) => test(state)).reduce((sum, { seconds }) => sum + seconds, 0);
  const share = (seconds: number): number => Math.min(1, seconds / observedSeconds);
  const offline = share(secondsOf((state) => state === 'offline' || state === 'failed'));
  if (offline >= NOTABLE_SHARE) add(offline, { kind: 'not-connected', share: offline });
  const closed = share(observedSeconds - secondsOf(() => true));
  if (closed >= NOTABLE_SHARE) add(closed, { kind: 'app-closed', share: closed });
  for (const { state, seconds } of states) {
    const reason = state.startsWith('paused:') ? state.slice('paused:'.length) : null;
    const paused = share(seconds);
    if (reason === null || reason === 'suspended' || paused < NOTABLE_SHARE) continue;
    add(paused, { kind: 'paused', reason, share: paused });
  }
  const hours = observedSeconds / SECONDS_PER_HOUR;
  if (hours < NEW_HOURS) add(FIXED_WEIGHT.isNew, { kind: 'new', hours });
}

function addWorkReasons({ node, coverage, work }: EarningReadings, add: Add): void {
  const decided = work.challengesPassed + work.challengesFailed;
  if (decided > 0 && work.challengesFailed / decided >= FAILED_SHARE) {
    add(FIXED_WEIGHT.challenges, { kind: 'challenges-failed', failed: work.challengesFailed, decided });
  } else if (node.reliability !== null && node.reliability < LOW_RELIABILITY) {
    add(1 - node.reliability, { kind: 'low-reliability', reliability: node.reliability });
  }
  const all = work.requests + work.requestsFailed;
  if (all > 0 && work.requestsFailed / all >= FAILED_SHARE) {
    add(FIXED_WEIGHT.failures, { kind: 'requests-failed', failed: work.requestsFailed, all });
  }
  addDemandReasons(coverage, work, add);
  if (node.multiplier !== null && node.hardwareClass !== null && node.multiplier < SLOW_MULTIPLIER) {
    add(FIXED_WEIGHT.slow, { kind: 'slow', hardwareClass: node.hardwareClass, multiplier: node.multiplier });
  }
}

/** Whether anybody asks, and how many share the answers. */
function addDemandReasons(coverage: ModelCoverage | null, work: WorkCounters, add: Add): void {
  const mine = coverage?.layers.filter(({ holder }) => holder === 'mine') ?? [];
  const missing = coverage?.layers.filter(({ holder }) => holder === 'missing').length ?? 0;
  if (mine.length > 0 && missing > 0) {
    add(FIXED_WEIGHT.incomplete, { kind: 'pipeline-incomplete', layersMissing: missing });
    return;
  }
  const rare =
    work.servingSeconds >= DEMAND_AFTER_SECONDS && work.workingSeconds / work.servingSeconds < RARE_WORK_SHARE;
  if (!rare) return;
  const holders = mine.length === 0 ? 0 : Math.min(...mine.map((layer) => layer.holders));
  if (holders >= CROWDED_HOLDERS) add(FIXED_WEIGHT.crowded, { kind: 'layers-crowded', holders });
  else add(FIXED_WEIGHT.noDemand, { kind: 'no-demand' });
}
