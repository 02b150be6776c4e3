/** The door of the inference room: what other rooms may use. The engine itself runs behind `engine-process.ts`. */
export type * from './engine/engine';
export { EngineClient } from './engine/engine-client';
export { portToForkedProcess, type ForkedProcess, type Port } from './engine/port';
export { deviceName, isProcessor, MAX_DEVICE_ID, takesDeviceId } from './device';
export { longestPlannedRange, type DeviceLimits } from './shards/plan-devices';
export { fitModel, type DeviceBudget, type DeviceFit } from './shards/fit-model';
export { DEFAULT_HUB, describeHubModel } from './models/fetch/hub-listing';
export { KNOWN_PROVIDERS } from './runtime/provider-selection';
