/** Door of the records: what the app keeps of its own work. */
export * from './open-records';
export { asResult, type RecordsResult } from './errors';
export { streakOf } from './periods';
export type { WorkSample } from './work-store';
