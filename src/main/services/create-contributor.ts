import systemInformation from 'systeminformation';
import { ContributorNode } from '../../node';
import type { EngineHost } from '../processes/engine-host';
import { identityStore } from './identity-store';
import type { Log } from './log';
import { nodeLogger } from './node-logger';
import type { NodeServiceOptions } from './node-service';
import type { SecretVault } from './secret-vault';

/** Makes the contributing node of this app: its key in the vault, its engine in a process of its own. */
export function createContributor(parts: {
  readonly dataFolder: string;
  readonly appVersion: string;
  readonly vault: SecretVault;
  readonly engines: EngineHost;
  readonly log: Log;
}): NodeServiceOptions['createNode'] {
  const { dataFolder, appVersion, vault, engines, log } = parts;
  return (preferences, readings) =>
    new ContributorNode({
      dataFolder,
      appVersion,
      secretStore: identityStore(vault),
      startEngine: engines.startEngine,
      hardwareReader: systemInformation,
      preferences,
      readings,
      logger: nodeLogger(log.child({ process: 'node' })),
    });
}
