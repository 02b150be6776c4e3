import type { HardwareReport } from '../../protocol/compute/node-snapshot';
import type { DeviceId } from '../../protocol/compute/run-preferences';
import { isLoopbackUrl } from '../coordinator-client/coordinator-url';
import type { DeviceReading, RunPreferences } from './policy-inputs';
import { decideRun, NO_POLICY_MEMORY, type RunDecision } from './run-policy';
import { DEFAULT_READINGS, type NodeReadings } from './readings';

/** Nothing is known of a device whose reading was not given. */
const UNREAD: DeviceReading = { celsius: null, otherPercent: null };

/**
 * Graphics processors the engine can run on, as the hardware report lists them. Not every provider can be told which card to
 * take, so a card is listed when a provider other than the processor's was seen working.
 */
export function usableGpus(hardware: HardwareReport | null): readonly DeviceId[] {
  if (hardware === null || !hardware.providers.some(({ name, available }) => available && name !== 'cpu')) return [];
  return hardware.gpus.map((_gpu, index): DeviceId => `gpu${index}`);
}

/** Holds what the policy decides from, and what it must remember from one decision to the next. */
export class PolicyKeeper {
  readings: NodeReadings;
  suspended: string | null = null;
  private memory = NO_POLICY_MEMORY;

  constructor(
    readings: Partial<NodeReadings>,
    private readonly now: () => number,
    private readonly hardware: () => HardwareReport | null,
  ) {
    this.readings = { ...DEFAULT_READINGS, ...readings };
  }

  /** Decides and remembers. */
  decide(preferences: RunPreferences & { readonly coordinatorUrl: string }): RunDecision {
    const decision = this.preview(preferences);
    this.memory = decision.memory;
    return decision;
  }

  /**
   * What would be decided with preferences, now; remembers nothing.
   * @param hypothetical - the preferences are not in force, so the calm after a disturbance of theirs does not count
   */
  preview(preferences: RunPreferences & { readonly coordinatorUrl: string }, hypothetical = false): RunDecision {
    const memory = hypothetical ? { ...this.memory, disturbance: null } : this.memory;
    const gpus = usableGpus(this.hardware()).map((device) => [device, this.readings.gpus[device] ?? UNREAD]);
    return decideRun(
      {
        ...this.readings,
        gpus: Object.fromEntries(gpus) as Record<DeviceId, DeviceReading>,
        nowMs: this.now(),
        suspended: this.suspended,
        coordinatorIsLocal: isLoopbackUrl(preferences.coordinatorUrl),
      },
      preferences,
      memory,
    );
  }
}
