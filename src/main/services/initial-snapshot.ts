import type { Settings } from '../../contract/settings';
import type { AppSnapshot } from '../../contract/snapshot';
import type { NodeSnapshot } from '../../protocol/compute/node-snapshot';

const EMPTY_NODE: NodeSnapshot = {
  state: { kind: 'off' },
  nodeId: null,
  publicKey: null,
  hardwareClass: null,
  multiplier: null,
  reliability: null,
  balanceMicroGft: null,
  coordinator: { url: '', name: null, version: null, transport: null, tokenMode: null },
  hardware: null,
  shard: null,
  challenges: [],
  requestsServed: 0,
  requestsFailed: 0,
  tokensServed: 0,
  requestsActive: 0,
  tokensPerSecond: null,
};

/** What a window sees before the services have said anything. */
export function initialSnapshot(facts: {
  readonly appVersion: string;
  readonly settings: Settings;
  readonly hasRemoteAccessToken: boolean;
  readonly secretsEncrypted: boolean;
}): AppSnapshot {
  return {
    ...facts,
    embeddedCoordinator: { kind: 'off' },
    node: EMPTY_NODE,
    models: [],
    coverage: null,
    conversations: [],
    events: [],
  };
}
