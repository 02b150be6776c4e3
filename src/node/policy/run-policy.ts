import type { PauseReason } from '../../protocol/compute/node-snapshot';

/** What the run policy is told about the world. */
export interface RunReadings {
  /** Milliseconds since the epoch. */
  readonly nowMs: number;
  /** Whether the person agreed that this computer contributes. */
  readonly consent: boolean;
  readonly pausedByUser: boolean;
  /** RFC 3339; a time in the past means nothing. */
  readonly snoozedUntil: string | null;
  readonly onBattery: boolean;
  readonly batteryPercent: number | null;
  /** The coordinator's reason for suspending this node, or null. */
  readonly suspended: string | null;
}

/** Which layers to serve: the coordinator's suggestion, or a fixed range (both ends inclusive). */
export type LayerChoice =
  { readonly kind: 'automatic' } | { readonly kind: 'range'; readonly start: number; readonly end: number };

/** What the person allows. */
export interface RunPreferences {
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
  pauseOnBattery: true,
  cpuThreads: null,
  memoryBudgetBytes: null,
  layerChoice: { kind: 'automatic' },
  region: null,
};

/** How much of the machine work may use. */
export interface RunLevel {
  readonly cpuThreads: number | null;
  readonly memoryBudgetBytes: number | null;
}

export type RunDecision =
  { readonly run: true; readonly level: RunLevel } | { readonly run: false; readonly reason: PauseReason };

/**
 * Whether the node may work now, and if not, why. One ordered list: the first reason that holds is the one shown, from
 * what only the person can lift to what passes by itself.
 *
 *   no consent > paused by the user > snoozed > suspended by the coordinator > on battery
 */
export function decideRun(readings: RunReadings, preferences: RunPreferences): RunDecision {
  if (!readings.consent) return { run: false, reason: { kind: 'no-consent' } };
  if (readings.pausedByUser) return { run: false, reason: { kind: 'user' } };
  if (readings.snoozedUntil !== null && Date.parse(readings.snoozedUntil) > readings.nowMs) {
    return { run: false, reason: { kind: 'snoozed', until: readings.snoozedUntil } };
  }
  if (readings.suspended !== null) {
    return { run: false, reason: { kind: 'suspended', message: readings.suspended } };
  }
  if (readings.onBattery && preferences.pauseOnBattery) {
    return { run: false, reason: { kind: 'on-battery', percent: readings.batteryPercent } };
  }
  return {
    run: true,
    level: { cpuThreads: preferences.cpuThreads, memoryBudgetBytes: preferences.memoryBudgetBytes },
  };
}
