import type { PauseReason } from '../../protocol/compute/pause-reason';
import type { DeviceId, PolicyPreferences } from '../../protocol/compute/run-preferences';
import { deviceRules } from './device-rules';
import { NO_HYSTERESIS, remember, type Hysteresis } from './hysteresis';
import type { RunPreferences, RunReadings } from './policy-inputs';
import { nextMonth, nextScheduleChange } from './schedule';

/** How much of the machine work may use. */
export interface RunLevel {
  readonly cpuThreads: number | null;
  readonly memoryBudgetBytes: number | null;
  /** Devices that may work now. */
  readonly devices: readonly DeviceId[];
  /** Share of a device's time, 0.05 to 1. */
  readonly cpuShare: number;
  readonly gpuShare: number;
  readonly vramBudgetBytes: number | null;
  readonly uploadBytesPerSecond: number | null;
  readonly downloadBytesPerSecond: number | null;
}

/** One device's own answer. */
export interface DeviceDecision {
  readonly device: DeviceId;
  /** Null: it may work. */
  readonly reason: PauseReason | null;
}

/** What the next decision needs to know of the ones before. */
export interface PolicyMemory {
  readonly hysteresis: Hysteresis;
  /** The last passing reason that spoke against working, and when it last did. */
  readonly disturbance: { readonly reason: PauseReason; readonly lastMs: number } | null;
}

export const NO_POLICY_MEMORY: PolicyMemory = { hysteresis: NO_HYSTERESIS, disturbance: null };

export type RunDecision = (
  { readonly run: true; readonly level: RunLevel } | { readonly run: false; readonly reason: PauseReason }
) & {
  readonly devices: readonly DeviceDecision[];
  /** Whether the node may use the network at all; only the person's own switch and snooze take it offline. */
  readonly online: boolean;
  /** Whether somebody counts as using the computer. */
  readonly inUse: boolean;
  /** When the decision can change by time alone. */
  readonly recheckAtMs: number | null;
  readonly memory: PolicyMemory;
};

/** Work resumes this long after a passing disturbance ended, so that it does not flicker with every pause of typing. */
export const RESUME_CALM_MS = 10_000;

/** Reasons that come and go by themselves from one moment to the next. */
const PASSING: ReadonlySet<PauseReason['kind']> = new Set([
  'in-use',
  'full-screen',
  'exclusive-program',
  'other-programs',
  'hot',
  'power',
]);

const BYTES_PER_MEBIBYTE = 1_048_576;
const BYTES_PER_KILOBYTE = 1_000;

const lasts = (until: string | null, nowMs: number): boolean => until === null || Date.parse(until) > nowMs;

/**
 * Whether the node may work now, how hard, and if not, why. One ordered list: the first reason that holds is the one
 * shown, from what only the person can lift to what passes by itself.
 *
 *   no consent > paused by the user > snoozed > suspended by the coordinator > network off or snoozed
 *   > disk > metered > monthly volume > what holds for every device that could compute (`deviceRules`)
 *
 * @param memory - of the decision before, for limits that end later than they begin
 */
export function decideRun(
  readings: RunReadings,
  preferences: RunPreferences,
  memory: PolicyMemory = NO_POLICY_MEMORY,
): RunDecision {
  const { policy } = preferences;
  const { nowMs } = readings;
  const held = remember(memory.hysteresis);
  // What cannot be told is taken for use: the quieter limits then hold.
  const inUse = readings.idleSeconds === null || readings.idleSeconds < policy.idleMinutes * 60;
  const computing = (['cpu', ...Object.keys(readings.gpus).toSorted()] as DeviceId[]).map((device): DeviceDecision => ({
    device,
    reason: deviceRules(device, readings, preferences, held),
  }));
  const network: DeviceDecision = { device: 'network', reason: networkReason(readings, policy) };
  const online = network.reason === null || !isPersonal(network.reason);
  const common = {
    devices: [...computing, network],
    online,
    inUse,
    recheckAtMs: nextMoment(readings, policy),
  };
  const reason = personalReason(readings) ?? networkOff(network) ?? diskReason(readings, policy) ?? network.reason;
  const able = computing.filter((device) => device.reason === null).map(({ device }) => device);
  const blocked = reason ?? (able.length > 0 ? null : mostTelling(computing));
  const hysteresis = held.next();
  if (blocked !== null) {
    const disturbance = PASSING.has(blocked.kind) ? { reason: blocked, lastMs: nowMs } : null;
    return { ...common, run: false, reason: blocked, memory: { hysteresis, disturbance } };
  }
  const { disturbance } = memory;
  // A clock that was set back must not make the calm longer.
  const sinceMs = disturbance === null ? RESUME_CALM_MS : nowMs - disturbance.lastMs;
  if (disturbance !== null && sinceMs >= 0 && sinceMs < RESUME_CALM_MS) {
    const recheckAtMs = disturbance.lastMs + RESUME_CALM_MS;
    return { ...common, recheckAtMs, run: false, reason: disturbance.reason, memory: { hysteresis, disturbance } };
  }
  return {
    ...common,
    run: true,
    level: runLevel(preferences, inUse, able),
    memory: { hysteresis, disturbance: null },
  };
}

function personalReason(readings: RunReadings): PauseReason | null {
  const { nowMs, snoozedUntil } = readings;
  if (!readings.consent) return { kind: 'no-consent' };
  if (readings.pausedByUser) return { kind: 'user' };
  if (snoozedUntil !== null && lasts(snoozedUntil, nowMs)) return { kind: 'snoozed', until: snoozedUntil };
  if (readings.suspended !== null) return { kind: 'suspended', message: readings.suspended };
  return null;
}

const isPersonal = (reason: PauseReason): boolean => reason.kind === 'device-off' || reason.kind === 'device-snoozed';

const networkOff = ({ reason }: DeviceDecision): PauseReason | null =>
  reason !== null && isPersonal(reason) ? reason : null;

/** Of several devices that may not work: the processor's reason, unless it is off for good and another's passes. */
function mostTelling(computing: readonly DeviceDecision[]): PauseReason | null {
  const reasons = computing.map(({ reason }) => reason).filter((reason) => reason !== null);
  return reasons.find(({ kind }) => kind !== 'device-off') ?? reasons[0] ?? null;
}

function networkReason(readings: RunReadings, policy: PolicyPreferences): PauseReason | null {
  if (readings.coordinatorIsLocal) return null;
  const snooze = readings.deviceSnoozes['network'];
  if (policy.networkMode === 'never') return { kind: 'device-off', device: 'network' };
  if (snooze !== undefined && lasts(snooze.until, readings.nowMs)) {
    return { kind: 'device-snoozed', device: 'network', until: snooze.until };
  }
  if (policy.networkMode === 'always') return null;
  if (policy.pauseOnMetered && readings.metered === true) return { kind: 'metered' };
  const { monthlyTrafficMb: limitMb } = policy;
  const usedMb = readings.monthlyTrafficMb ?? 0;
  if (limitMb !== null && usedMb >= limitMb) {
    const resumesAt = new Date(nextMonth(readings.nowMs)).toISOString();
    return { kind: 'traffic', usedMb: Math.round(usedMb), limitMb, resumesAt };
  }
  return null;
}

function diskReason({ freeDiskMb, usedDiskMb }: RunReadings, policy: PolicyPreferences): PauseReason | null {
  const { diskFloorMb: floorMb, diskCapMb: limitMb } = policy;
  if (freeDiskMb !== null && freeDiskMb < floorMb) {
    return { kind: 'disk-low', freeMb: Math.floor(freeDiskMb), floorMb };
  }
  if (limitMb !== null && usedDiskMb !== null && usedDiskMb > limitMb) {
    return { kind: 'disk-cap', usedMb: Math.ceil(usedDiskMb), limitMb };
  }
  return null;
}

function runLevel(preferences: RunPreferences, inUse: boolean, devices: readonly DeviceId[]): RunLevel {
  const { policy, cpuThreads, memoryBudgetBytes } = preferences;
  const limits = inUse ? policy.inUse : policy.idle;
  const inUseBytes = policy.inUse.memoryMb === null ? null : policy.inUse.memoryMb * BYTES_PER_MEBIBYTE;
  const rate = (kilobytes: number | null): number | null =>
    kilobytes === null || policy.networkMode === 'always' ? null : kilobytes * BYTES_PER_KILOBYTE;
  return {
    cpuThreads,
    memoryBudgetBytes:
      inUse && inUseBytes !== null ? Math.min(inUseBytes, memoryBudgetBytes ?? inUseBytes) : memoryBudgetBytes,
    devices,
    cpuShare: policy.cpuMode === 'always' ? 1 : limits.cpuShare,
    gpuShare: limits.gpuShare,
    vramBudgetBytes: limits.vramMb === null ? null : limits.vramMb * BYTES_PER_MEBIBYTE,
    uploadBytesPerSecond: rate(policy.uploadKilobytesPerSecond),
    downloadBytesPerSecond: rate(policy.downloadKilobytesPerSecond),
  };
}

/** The earliest end of a snooze, edge of the plan or month: what no reading announces. */
function nextMoment(readings: RunReadings, policy: PolicyPreferences): number | null {
  const { nowMs } = readings;
  const snoozes = Object.values(readings.deviceSnoozes).map((snooze) => snooze?.until ?? null);
  const moments = [readings.snoozedUntil, ...snoozes]
    .filter((until) => until !== null)
    .map((until) => Date.parse(until));
  if (policy.schedule !== null) moments.push(nextScheduleChange(nowMs, policy.schedule) ?? Number.NaN);
  if (policy.monthlyTrafficMb !== null) moments.push(nextMonth(nowMs));
  const coming = moments.filter((moment) => moment > nowMs);
  return coming.length === 0 ? null : Math.min(...coming);
}
