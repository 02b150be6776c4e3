import { keepsTensors, type Device } from '../device';
import type { ShardPrecision } from './weight-layout';

/** How a shard keeps keys and values: as exact as its weights, or in half precision where those are rounded far more. */
export type CacheType = 'float32' | 'float16';

export function cacheTypeOf(precision: ShardPrecision): CacheType {
  return precision === 'fp32' ? 'float32' : 'float16';
}

/** What the graph of a shard is written for; its weights are the same in all forms. */
export interface GraphForm {
  readonly cacheType: CacheType;
  /**
   * Whether the pages of the KV cache stay on a card between runs. The graph then writes new keys and values into them
   * itself, and takes no operator that onnxruntime has for WebGPU only on the processor: whatever such an operator sees
   * would travel to main memory and back, in every layer.
   */
  readonly isOnCard: boolean;
}

/** The form a device runs. @param cacheType - by default as the precision asks */
export function graphFormFor(
  device: Device,
  precision: ShardPrecision,
  cacheType: CacheType = cacheTypeOf(precision),
): GraphForm {
  return { cacheType, isOnCard: keepsTensors(device) };
}

/** Where nothing else is said: for a device that is given the cache anew in every run. */
export function plainGraphForm(precision: ShardPrecision): GraphForm {
  return { cacheType: cacheTypeOf(precision), isOnCard: false };
}
