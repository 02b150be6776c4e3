import type { PolicyPreview, PolicyView } from '../../contract/policy';
import type { Settings } from '../../contract/settings';
import type { Texts } from '../texts/texts';
import type { DeviceId, PolicyPreferences } from '../../protocol/compute/run-preferences';
import type { AppMemory } from './app-memory';
import type { NodeService } from './node-service';
import type { PowerReadings } from './power';
import type { Needs, Surroundings } from './surroundings/surroundings';
import type { Timers } from './timers';

const BYTES_PER_MEGABYTE = 1_000_000;
/** What went over the network is written down this often; a crash loses no more than this. */
const TRAFFIC_INTERVAL_MS = 60_000;

export interface PolicyServiceOptions {
  readonly node: NodeService;
  readonly surroundings: () => Surroundings;
  readonly settings: () => Settings;
  readonly power: () => PowerReadings;
  readonly memory: AppMemory;
  /** A single device was snoozed or resumed; of the whole node its state tells. */
  readonly onDevice: (text: string) => void;
  readonly texts: () => Texts;
  readonly timers: Timers;
}

/** What the run policy says, what it would say, and what it has read; and the month's traffic it counts. */
export class PolicyService {
  readonly #options: PolicyServiceOptions;
  #countedBytes = 0;
  readonly #end: () => void;

  constructor(options: PolicyServiceOptions) {
    this.#options = options;
    this.#end = options.timers.every(TRAFFIC_INTERVAL_MS, () => this.#countTraffic());
    this.#tellTraffic();
  }

  view(): PolicyView {
    const { node, surroundings, power } = this.#options;
    const decision = node.previewRun({});
    const { readings, view, unreadable } = surroundings();
    return {
      reason: decision.run ? null : decision.reason,
      inUse: decision.inUse,
      devices: decision.devices.map(({ device, reason }) => ({
        device,
        reason,
        celsius: device === 'cpu' ? readings.cpu.celsius : (readings.gpus[device]?.celsius ?? null),
      })),
      surroundings: { ...view, ...power(), monthlyTrafficMb: this.#monthlyMegabytes() },
      unreadable,
    };
  }

  preview(changes: Partial<PolicyPreferences>, pauseOnBattery: boolean | undefined): PolicyPreview {
    const { node, settings } = this.#options;
    const decision = node.previewRun({
      policy: { ...settings().policy, ...changes },
      ...(pauseOnBattery === undefined ? {} : { pauseOnBattery }),
    });
    return { reason: decision.run ? null : decision.reason };
  }

  snooze(target: DeviceId | 'all', minutes: number | null, finishFirst: boolean): void {
    const { node, surroundings } = this.#options;
    if (finishFirst) node.node.finishBeforeNextPause();
    if (target === 'all') node.pause(minutes);
    else {
      node.pauseDevice(target, minutes);
      this.#options.onDevice(this.#options.texts().records.deviceSnoozed(target, minutes));
    }
    surroundings().refresh();
  }

  resume(target: DeviceId | 'all'): void {
    const { node, surroundings } = this.#options;
    if (target === 'all') node.resume();
    else {
      node.resumeDevice(target);
      this.#options.onDevice(this.#options.texts().records.deviceResumed(target));
    }
    surroundings().refresh();
  }

  close(): void {
    this.#end();
    this.#countTraffic();
  }

  #monthlyMegabytes(): number {
    const { month, bytes } = this.#options.memory.current.traffic;
    return month === this.#month() ? bytes / BYTES_PER_MEGABYTE : 0;
  }

  /** The calendar month, local time, as `2026-02`. */
  #month(): string {
    const now = new Date(this.#options.timers.now());
    return `${now.getFullYear()}-${String(now.getMonth() + 1).padStart(2, '0')}`;
  }

  #countTraffic(): void {
    const { node, memory } = this.#options;
    const { sent, received } = node.node.trafficBytes;
    const fresh = sent + received - this.#countedBytes;
    // Traffic that stays on this computer costs nothing.
    this.#countedBytes = sent + received;
    if (fresh <= 0 || node.coordinatorIsLocal) return;
    const { traffic } = memory.current;
    const month = this.#month();
    memory.remember({ traffic: { month, bytes: (traffic.month === month ? traffic.bytes : 0) + fresh } });
    this.#tellTraffic();
  }

  #tellTraffic(): void {
    this.#options.node.applySurroundings({ monthlyTrafficMb: this.#monthlyMegabytes() });
  }
}

/** What has to be read now, from what the node does and what its rules ask. */
export function neededReadings(node: NodeService, policy: PolicyPreferences, watched: boolean): Needs {
  const { state, hardware, requestsActive } = node.snapshot();
  const personal = state.kind === 'paused' && ['no-consent', 'user', 'snoozed'].includes(state.reason.kind);
  return {
    policy,
    atRest: personal || state.kind === 'off',
    watched,
    coordinatorIsLocal: node.coordinatorIsLocal,
    graphicsPresent: hardware?.providers.some(({ name, available }) => available && name !== 'cpu') ?? false,
    ownRequestsRun: requestsActive > 0,
  };
}
