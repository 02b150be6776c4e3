import { success } from '../../../protocol/result';
import type { SnapshotService } from '../../services/snapshot-service';
import type { CallRegistry } from '../call-registry';

export interface AppCallDependencies {
  readonly snapshots: SnapshotService;
  readonly copyText: (text: string) => void;
  readonly quit: () => void;
}

export function registerAppCalls(calls: CallRegistry, { snapshots, copyText, quit }: AppCallDependencies): void {
  calls.registerCall('app:get-snapshot', () => success(snapshots.read()));
  calls.registerCall('app:copy-text', ({ text }) => {
    copyText(text);
    return success(null);
  });
  calls.registerCall('app:quit', () => {
    quit();
    return success(null);
  });
}
