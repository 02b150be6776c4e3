/** Door of the contract room: what main, preload and renderer agree on. */
export * from './language';
export * from './settings';
export * from './chat';
export * from './snapshot';
export * from './administration-calls';
export * from './local-api-calls';
export * from './hosts';
export * from './models';
export * from './system-calls';
export * from './trust';
export * from './own-models';
export * from './sessions';
export * from './deep-links';
export * from './calls';
export * from './library';
export * from './policy';
export * from './api';
