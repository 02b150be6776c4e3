import { success } from '../../protocol/result';
import type { CoordinatorOptions } from '../config';
import {
  createCoordinator,
  type Coordinator,
  type CoordinatorSurroundings,
  type RunningCoordinator,
} from '../coordinator';
import { hashManifest } from '../../inference/models/model-folder';
import { freshLocation } from './test-database';
import { testManifest } from './test-model';

export interface TestCoordinator extends RunningCoordinator {
  readonly coordinator: Coordinator;
  readonly manifestHash: string;
}

/** Starts a coordinator for a test on a free loopback port, with the test model, short intervals and a database of its own. */
export async function startTestCoordinator(
  options: Partial<CoordinatorOptions> = {},
  surroundings: CoordinatorSurroundings = {},
): Promise<TestCoordinator> {
  const own = options.databaseFile === undefined && options.databaseUrl === undefined ? await freshLocation() : null;
  const manifest = testManifest();
  const manifestHash = hashManifest(manifest);
  const coordinator = createCoordinator(
    {
      ...own?.options,
      modelFolders: ['/models/test'],
      openingGrantMicroGft: 10_000_000,
      maintenanceSeconds: 0.05,
      firstChallengeAfterSeconds: 3_600,
      openTimeoutSeconds: 30,
      stepTimeoutSeconds: 30,
      replacementWaitSeconds: 0.2,
      rateLimitPerMinute: 1_000_000,
      // Nodes of tests are not all honest, and answer only what their test is about.
      workCheckRate: 0,
      ...options,
    },
    { loadManifest: () => Promise.resolve(success({ manifest, manifestHash })), ...surroundings },
  );
  const started = await coordinator.start();
  if (!started.ok) throw new Error(`${started.error.code}: ${started.error.message}`);
  const stop = async (): Promise<void> => {
    await coordinator.stop();
    await own?.drop();
  };
  return { ...started.value, coordinator: { ...coordinator, stop }, manifestHash };
}
