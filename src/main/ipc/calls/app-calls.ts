import { webAddressOf } from '../../../protocol/documents/web-address';
import { success } from '../../../protocol/result';
import { mainFailure } from '../../errors';
import type { DeepLinkDesk } from '../../services/deep-links/deep-link-desk';
import type { SnapshotService } from '../../services/snapshot-service';
import type { CallRegistry } from '../call-registry';

export interface AppCallDependencies {
  readonly snapshots: SnapshotService;
  readonly links: DeepLinkDesk;
  readonly copyText: (text: string) => void;
  readonly quit: () => void;
  /** Opens an address in the system's browser. */
  readonly openAddress: (address: string) => Promise<void>;
}

export function registerAppCalls(
  calls: CallRegistry,
  { snapshots, links, copyText, quit, openAddress }: AppCallDependencies,
): void {
  calls.registerCall('app:get-snapshot', () => success(snapshots.read()));
  calls.registerCall('links:take', () => success(links.take()));
  calls.registerCall('app:copy-text', ({ text }) => {
    copyText(text);
    return success(null);
  });
  calls.registerCall('app:quit', () => {
    quit();
    return success(null);
  });
  calls.registerCall('app:open-link', async ({ url }) => {
    const address = webAddressOf(url);
    if (address === null) {
      return mainFailure('address-refused', 'Only addresses of the web (http and https) are opened.');
    }
    await openAddress(address);
    return success(null);
  });
}
