/** The door of the node room: the contributor and what starts and feeds it. */
export { ContributorNode } from './contributor';
export {
  DEFAULT_ACTIVATION_SERVER,
  DEFAULT_READINGS,
  type ActivationServerPreferences,
  type ContributorEvents,
  type ContributorOptions,
  type NodePreferences,
  type NodeReadings,
} from './contributor-options';
export type { GenerateOptions, GenerateRequest, CoordinatorInfo } from './coordinator-client/coordinator-client';
export { checkCoordinator } from './coordinator-client/check-coordinator';
export { engineOverPort, forkEngine, type RunningEngine, type StartEngine } from './engine-process-spawner';
export type { NodeErrorCode } from './errors';
export type { HardwareReader } from './hardware/hardware-facts';
export { fileSecretStore, type SecretStore } from './identity/secret-store';
export type { NodeLogger } from './logger';
export { DEFAULT_RUN_PREFERENCES } from './policy/run-policy';
export { describeState } from './describe-state';
export { HEADLESS_HELP, readHeadlessOptions, type HeadlessCommand } from './headless-options';
