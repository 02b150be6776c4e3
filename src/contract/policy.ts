import type { PauseReason } from '../protocol/compute/pause-reason';
import type { DeviceId } from '../protocol/compute/run-preferences';

/** What was read of this computer last; null is what cannot be read, or is not read because no rule needs it. */
export interface SurroundingsView {
  readonly idleSeconds: number | null;
  readonly onBattery: boolean;
  readonly batteryPercent: number | null;
  readonly cpuCelsius: number | null;
  /** Use of the whole processor by other programs and by this app, 0 to 100. */
  readonly otherCpuPercent: number | null;
  readonly ownCpuPercent: number | null;
  readonly watts: number | null;
  readonly fullScreen: boolean | null;
  readonly metered: boolean | null;
  readonly monthlyTrafficMb: number;
  readonly freeDiskMb: number | null;
  readonly usedDiskMb: number | null;
}

/** One device: whether it works, and if not, why. */
export interface DeviceView {
  readonly device: DeviceId;
  readonly reason: PauseReason | null;
  readonly celsius: number | null;
}

/** What the run policy says now. */
export interface PolicyView {
  /** Null: work is allowed. */
  readonly reason: PauseReason | null;
  readonly inUse: boolean;
  readonly devices: readonly DeviceView[];
  readonly surroundings: SurroundingsView;
  /** Rules that cannot hold on this system, each with the reason. */
  readonly unreadable: readonly { readonly what: 'idle' | 'fullScreen' | 'metered'; readonly why: string }[];
}

/** What the run policy would say with other preferences. */
export interface PolicyPreview {
  readonly reason: PauseReason | null;
}
