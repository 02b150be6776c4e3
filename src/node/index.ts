/** The door of the node room: the contributor and what starts and feeds it. */
export { ContributorNode } from './contributor';
export { DEFAULT_ACTIVATION_SERVER, type ContributorEvents, type NodePreferences } from './contributor-options';
export { ApiKeys } from './local-api/api-keys';
export { LocalApi } from './local-api/local-api';
export { isLoopbackUrl, modelPath, parseCoordinatorUrl } from './coordinator-client/coordinator-url';
export { CoordinatorHttp } from './coordinator-client/http-requests';
export { probeCoordinator } from './coordinator-client/probe';
export { engineOverPort, forkEngine, type StartEngine } from './engine-process-spawner';
export { nodeFailure } from './errors';
export type { HardwareReader } from './hardware/hardware-facts';
export { fileSecretStore, type SecretStore } from './identity/secret-store';
export type { NodeLogger } from './logger';
export { DEFAULT_READINGS, type NodeReadings } from './policy/readings';
export { DEFAULT_RUN_PREFERENCES, type RunDecision } from './policy/run-policy';
export { describeState } from './describe-state';
export { HEADLESS_HELP, readHeadlessOptions, type HeadlessCommand } from './headless-options';
