/** The door of the inference room: what other rooms may use. */
export type * from './engine/engine';
export { EngineClient } from './engine/engine-client';
export { LocalEngine, type LocalEngineOptions } from './engine/local-engine';
export {
  portToForkedProcess,
  portToUtilityProcess,
  type ForkedProcess,
  type Port,
  type UtilityProcessLike,
} from './engine/port';
export { serveEngine } from './engine/serve-engine';
export type { EngineFailure } from './errors';
export { hashManifest } from './models/model-folder';
export { estimateShard } from './shards/estimate-shard';
