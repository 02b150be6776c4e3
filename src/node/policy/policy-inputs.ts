import { DEFAULT_POLICY, type DeviceId, type PolicyPreferences } from '../../protocol/compute/run-preferences';

/** What is known of one device; null is what cannot be read here. */
export interface DeviceReading {
  readonly celsius: number | null;
  /** Use by programs other than this one, 0 to 100. */
  readonly otherPercent: number | null;
}

/** A snooze of one device; `until` is RFC 3339, null lasts until resumed. */
export interface DeviceSnooze {
  readonly until: string | null;
}

/** What the run policy is told about the world. Null is what cannot be read here, or was not asked for. */
export interface RunReadings {
  /** Milliseconds since the epoch. */
  readonly nowMs: number;
  /** Whether the person agreed that this computer contributes. */
  readonly consent: boolean;
  readonly pausedByUser: boolean;
  /** RFC 3339; a time in the past means nothing. */
  readonly snoozedUntil: string | null;
  readonly deviceSnoozes: Readonly<Partial<Record<DeviceId, DeviceSnooze>>>;
  readonly onBattery: boolean;
  readonly batteryPercent: number | null;
  /** Since the last input of a person. */
  readonly idleSeconds: number | null;
  readonly cpu: DeviceReading;
  /** Graphics processors work can run on, by device id; empty where there is none. */
  readonly gpus: Readonly<Record<DeviceId, DeviceReading>>;
  /** Drawn by the processor package. */
  readonly watts: number | null;
  readonly fullScreen: boolean | null;
  /** Those of the exclusive programs that run. */
  readonly exclusiveRunning: readonly string[];
  readonly metered: boolean | null;
  /** Whether the coordinator is on this computer, so that no network is used. */
  readonly coordinatorIsLocal: boolean;
  /** Both directions, since the first of the month. */
  readonly monthlyTrafficMb: number | null;
  readonly freeDiskMb: number | null;
  /** Taken by cut shards. */
  readonly usedDiskMb: number | null;
  /** The coordinator's reason for suspending this node, or null. */
  readonly suspended: string | null;
}

/** Which layers to serve: the coordinator's suggestion, or a fixed range (both ends inclusive). */
export type LayerChoice =
  { readonly kind: 'automatic' } | { readonly kind: 'range'; readonly start: number; readonly end: number };

/** What the person allows. */
export interface RunPreferences {
  readonly policy: PolicyPreferences;
  readonly pauseOnBattery: boolean;
  /** Threads the engine may use; null leaves it to the engine. */
  readonly cpuThreads: number | null;
  /** Memory the engine may use; null means a share of what is free. */
  readonly memoryBudgetBytes: number | null;
  readonly layerChoice: LayerChoice;
  /** Where the machine roughly is, e.g. `US-NY`, for grid-aware scheduling; null keeps it private. */
  readonly region: string | null;
}

export const DEFAULT_RUN_PREFERENCES: RunPreferences = {
  policy: DEFAULT_POLICY,
  pauseOnBattery: true,
  cpuThreads: null,
  memoryBudgetBytes: null,
  layerChoice: { kind: 'automatic' },
  region: null,
};
