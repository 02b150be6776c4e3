import { pauseMinutes, type TrayAction } from './tray-model';
import type { PolicyService } from './policy-service';
import type { Timers } from './timers';

export interface TrayActionTargets {
  readonly show: () => void;
  readonly policy: Pick<PolicyService, 'snooze' | 'resume'>;
  readonly retry: () => void;
  readonly quit: () => void;
  readonly timers: Timers;
}

/** Does what was chosen in the tray. */
export function trayActions({ show, policy, retry, quit, timers }: TrayActionTargets): (action: TrayAction) => void {
  return (action) => {
    switch (action.kind) {
      case 'open':
        return show();
      case 'pause':
        return policy.snooze('all', pauseMinutes(action.minutes, timers.now()), action.finishFirst);
      case 'resume':
        return policy.resume('all');
      case 'retry':
        return retry();
      case 'quit':
        return quit();
    }
  };
}
