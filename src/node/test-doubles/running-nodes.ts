import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach } from 'vitest';
import { ContributorNode } from '../contributor';
import { DEFAULT_ACTIVATION_SERVER, type ContributorOptions, type NodePreferences } from '../contributor-options';
import { fileSecretStore } from '../identity/secret-store';
import { DEFAULT_RUN_PREFERENCES } from '../policy/policy-inputs';
import type { NodeReadings } from '../policy/readings';
import { until } from './manual-clock';
import { SocketCoordinator, type ConnectedNode, type SocketCoordinatorOptions } from './socket-coordinator';
import { testHardware } from './test-hardware';
import { tinyEngines, type TinyEngine } from './tiny-engine';

export interface RunningNodes {
  startCoordinator(options?: SocketCoordinatorOptions, port?: number): Promise<SocketCoordinator>;
  createNode(
    url: string,
    preferences?: Partial<NodePreferences>,
    readings?: Partial<NodeReadings>,
    options?: Partial<ContributorOptions> & { readonly name?: string },
  ): { node: ContributorNode; engines: TinyEngine[] };
  /** Stopped after the test. */
  readonly running: { stop(): Promise<void> }[];
}

/** Nodes and coordinators for the tests of a file, in a folder of each test's own; they are stopped after it. */
export function runningNodes(): RunningNodes {
  let folder: string;
  const running: { stop(): Promise<void> }[] = [];
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'tore-node-'));
  });
  afterEach(async () => {
    for (const one of running.splice(0).reverse()) await one.stop();
    await rm(folder, { recursive: true, force: true });
  });
  return {
    running,
    startCoordinator: async (options = {}, port = 0) => {
      const coordinator = await SocketCoordinator.start(options, port);
      running.push(coordinator);
      return coordinator;
    },
    createNode: (url, preferences = {}, readings = {}, { name = 'one', ...options } = {}) => {
      const { start, engines } = tinyEngines();
      const node = new ContributorNode({
        dataFolder: join(folder, name),
        appVersion: '0.0.0',
        secretStore: fileSecretStore(join(folder, name, 'node.key')),
        startEngine: start,
        hardwareReader: testHardware,
        preferences: {
          ...DEFAULT_RUN_PREFERENCES,
          coordinatorUrl: url,
          accessToken: null,
          modelFolder: '/models/tiny',
          modelId: null,
          activationServer: DEFAULT_ACTIVATION_SERVER,
          ...preferences,
        },
        readings: { consent: true, ...readings },
        ...options,
      });
      running.push(node);
      return { node, engines };
    },
  };
}

export const stateOf = (node: ContributorNode): string => node.snapshot().state.kind;
export const reached = (node: ContributorNode, kind: string): Promise<void> => until(() => stateOf(node) === kind);
export const onlyNode = (coordinator: SocketCoordinator): ConnectedNode => {
  const [node] = coordinator.nodes;
  if (node === undefined) throw new Error('no node is connected');
  return node;
};
