import type { NodeLogger } from '../../node';
import type { Log } from './log';

/** The node's lines in the app's log. */
export function nodeLogger(log: Log): NodeLogger {
  return {
    debug: (message, fields = {}) => log.debug(fields, message),
    info: (message, fields = {}) => log.info(fields, message),
    warn: (message, fields = {}) => log.warn(fields, message),
    error: (message, fields = {}) => log.error(fields, message),
  };
}
