/** The door of the coordinator room: what the process entries and the headless program may use. */
export {
  createCoordinator,
  releaseHeldNode,
  type Coordinator,
  type CoordinatorSurroundings,
  type RunningCoordinator,
} from './coordinator';
export { CoordinatorConfig, type CoordinatorOptions } from './config';
export type { CoordinatorErrorCode, CoordinatorFailure, CoordinatorResult } from './errors';
export { HEADLESS_HELP, readHeadlessOptions, type HeadlessCommand } from './headless-options';
export type { Logger } from './logger';
export { COORDINATOR_VERSION } from './version';
