import { version } from '../../package.json';

/** Version of the program, told to every client. */
export const COORDINATOR_VERSION = version;
