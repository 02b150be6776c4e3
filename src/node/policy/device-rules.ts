import type { PauseReason } from '../../protocol/compute/pause-reason';
import type { DeviceId, DeviceMode, PolicyPreferences } from '../../protocol/compute/run-preferences';
import type { HeldLimits } from './hysteresis';
import type { RunPreferences, RunReadings } from './policy-inputs';
import { nextScheduleChange, scheduleAllows } from './schedule';

/** How far below its limit a value must fall before work resumes. */
export const HYSTERESIS = { celsius: 5, watts: 0.9, otherPercent: 0.7, batteryPercent: 5 } as const;

function modeOf(device: DeviceId, policy: PolicyPreferences): DeviceMode {
  return device === 'cpu' ? policy.cpuMode : (policy.gpuModes[device] ?? 'preferences');
}

/**
 * The first reason that keeps one device from computing, or null. Heat and power hold in every mode; the rules only
 * where the device's mode asks for them.
 *
 *   device off > snoozed > heat > power > hours > battery > exclusive program > full screen > other programs > in use
 */
export function deviceRules(
  device: DeviceId,
  readings: RunReadings,
  preferences: RunPreferences,
  held: HeldLimits,
): PauseReason | null {
  const mode = modeOf(device, preferences.policy);
  if (mode === 'never') return { kind: 'device-off', device };
  const snooze = readings.deviceSnoozes[device];
  if (snooze !== undefined && (snooze.until === null || Date.parse(snooze.until) > readings.nowMs)) {
    return { kind: 'device-snoozed', device, until: snooze.until };
  }
  // Every limit is asked before the first is returned, so that none is forgotten while another holds.
  const strained = strainReason(device, readings, preferences.policy, held);
  const ruled = ruleReason(device, readings, preferences, held);
  return strained ?? (mode === 'always' ? null : ruled);
}

function strainReason(
  device: DeviceId,
  readings: RunReadings,
  policy: PolicyPreferences,
  held: HeldLimits,
): PauseReason | null {
  const celsius = (device === 'cpu' ? readings.cpu : readings.gpus[device])?.celsius ?? null;
  const limitCelsius = device === 'cpu' ? policy.maxCpuCelsius : policy.maxGpuCelsius;
  const { maxWatts: limitWatts } = policy;
  const resumesBelow = (limitCelsius ?? 0) - HYSTERESIS.celsius;
  const hot = limitCelsius !== null && held.exceeds(`hot ${device}`, celsius, limitCelsius, resumesBelow);
  const hungry =
    device === 'cpu' &&
    limitWatts !== null &&
    held.exceeds('power', readings.watts, limitWatts, limitWatts * HYSTERESIS.watts);
  if (hot) {
    return { kind: 'hot', device, celsius: Math.round(celsius ?? 0), limitCelsius, resumesBelow };
  }
  return hungry ? { kind: 'power', watts: Math.round(readings.watts ?? 0), limitWatts } : null;
}

function ruleReason(
  device: DeviceId,
  readings: RunReadings,
  preferences: RunPreferences,
  held: HeldLimits,
): PauseReason | null {
  const { policy } = preferences;
  const { nowMs } = readings;
  const low = batteryReason(readings, preferences, held);
  const busy = otherProgramsReason(device, readings, policy, held);
  if (policy.schedule !== null && !scheduleAllows(nowMs, policy.schedule)) {
    const next = nextScheduleChange(nowMs, policy.schedule);
    return { kind: 'schedule', resumesAt: next === null ? null : new Date(next).toISOString() };
  }
  if (low !== null) return low;
  const [program] = readings.exclusiveRunning;
  if (program !== undefined) return { kind: 'exclusive-program', program };
  if (policy.pauseOnFullScreen && readings.fullScreen === true) return { kind: 'full-screen' };
  if (busy !== null) return busy;
  if (policy.workInUse) return null;
  if (readings.idleSeconds === null) return { kind: 'idle-unknown' };
  return readings.idleSeconds < policy.idleMinutes * 60 ? { kind: 'in-use', idleMinutes: policy.idleMinutes } : null;
}

function batteryReason(
  { onBattery, batteryPercent }: RunReadings,
  { pauseOnBattery, policy }: RunPreferences,
  held: HeldLimits,
): PauseReason | null {
  const { batteryFloorPercent: floor } = policy;
  // The charge counts down to its mark, so both sides are turned round.
  const charge = onBattery && batteryPercent !== null ? -batteryPercent : null;
  const resumesAtPercent = Math.min(100, (floor ?? 0) + HYSTERESIS.batteryPercent);
  // Charges are whole percents; at exactly the mark of resuming work goes on.
  const low = floor !== null && held.exceeds('battery', charge, -floor, 0.5 - resumesAtPercent);
  if (!onBattery) return null;
  if (pauseOnBattery) return { kind: 'on-battery', percent: batteryPercent };
  return low ? { kind: 'battery-low', percent: Math.round(batteryPercent ?? 0), resumesAtPercent } : null;
}

function otherProgramsReason(
  device: DeviceId,
  readings: RunReadings,
  policy: PolicyPreferences,
  held: HeldLimits,
): PauseReason | null {
  const limitPercent = device === 'cpu' ? policy.otherCpuPercent : policy.otherGpuPercent;
  const percent = (device === 'cpu' ? readings.cpu : readings.gpus[device])?.otherPercent ?? null;
  if (limitPercent === null) return null;
  const release = limitPercent * HYSTERESIS.otherPercent;
  if (!held.exceeds(`other ${device}`, percent, limitPercent, release)) return null;
  return { kind: 'other-programs', device, percent: Math.round(percent ?? 0), limitPercent };
}
