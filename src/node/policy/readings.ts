import type { RunReadings } from './policy-inputs';

/** What the surroundings tell the node; the clock's time and suspension it knows itself. */
export type NodeReadings = Omit<RunReadings, 'nowMs' | 'suspended' | 'coordinatorIsLocal'>;

/** A computer at which nobody sits and of which nothing is known: no rule that needs a reading holds. */
export const DEFAULT_READINGS: NodeReadings = {
  consent: false,
  pausedByUser: false,
  snoozedUntil: null,
  deviceSnoozes: {},
  onBattery: false,
  batteryPercent: null,
  idleSeconds: Number.POSITIVE_INFINITY,
  cpu: { celsius: null, otherPercent: null },
  gpus: {},
  watts: null,
  fullScreen: null,
  exclusiveRunning: [],
  metered: null,
  monthlyTrafficMb: null,
  freeDiskMb: null,
  usedDiskMb: null,
};
