/** The door of the coordinator room: what the process entries and the headless program may use. */
export { createCoordinator, releaseHeldNode, type Coordinator } from './coordinator';
export { readConfig } from './config';
export type { CoordinatorFailure, CoordinatorResult } from './errors';
export { HEADLESS_HELP, placesOf, readHeadlessOptions, type HeadlessCommand } from './headless-options';
export type { Logger } from './logger';
export { COORDINATOR_VERSION } from './version';
