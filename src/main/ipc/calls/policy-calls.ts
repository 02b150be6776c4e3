import type { PolicyPreview, PolicyView } from '../../../contract/policy';
import type { DeviceId, PolicyPreferences } from '../../../protocol/compute/run-preferences';
import { success } from '../../../protocol/result';
import type { CallRegistry } from '../call-registry';

export interface PolicyCallDependencies {
  readonly view: () => PolicyView;
  readonly preview: (policy: Partial<PolicyPreferences>, pauseOnBattery: boolean | undefined) => PolicyPreview;
  /** Minutes, or null until resumed. */
  readonly snooze: (target: DeviceId | 'all', minutes: number | null, finishFirst: boolean) => void;
  readonly resume: (target: DeviceId | 'all') => void;
}

export function registerPolicyCalls(calls: CallRegistry, policy: PolicyCallDependencies): void {
  calls.registerCall('policy:get', () => success(policy.view()));
  calls.registerCall('policy:preview', ({ policy: changes, pauseOnBattery }) =>
    success(policy.preview(changes, pauseOnBattery)),
  );
  calls.registerCall('policy:snooze', ({ target, minutes, finishFirst }) => {
    policy.snooze(target, minutes, finishFirst);
    return success(null);
  });
  calls.registerCall('policy:resume', ({ target }) => {
    policy.resume(target);
    return success(null);
  });
}
