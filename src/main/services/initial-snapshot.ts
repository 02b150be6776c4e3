import type { Settings } from '../../contract/settings';
import type { AppSnapshot } from '../../contract/snapshot';
import { NO_NODE_FACTS } from '../../protocol/compute/node-snapshot';

/** What a window sees before the services have said anything. */
export function initialSnapshot(facts: {
  readonly appVersion: string;
  readonly settings: Settings;
  readonly hasRemoteAccessToken: boolean;
  readonly hasInvitation: boolean;
  readonly secretsEncrypted: boolean;
}): AppSnapshot {
  return {
    ...facts,
    embeddedCoordinator: { kind: 'off' },
    node: { ...NO_NODE_FACTS, state: { kind: 'off' }, tokensPerSecond: null },
    models: [],
    coverage: null,
    conversations: [],
    events: [],
    unreadNotices: [],
  };
}
