import { deviceName, type ShardHandle } from '../../inference';
import type { ModelManifest } from '../../protocol/compute/model';
import type { ShardReport } from '../../protocol/compute/node-snapshot';

/** A shard in memory with the model it was cut from. */
export interface ServedShard {
  readonly handle: ShardHandle;
  readonly manifest: ModelManifest;
  readonly chosenBy: ShardReport['chosenBy'];
  /** Why devices of this computer were not considered. */
  readonly deviceReasons: readonly string[];
}

/** The shard as a person sees it. */
export function reportShard({ handle, manifest, chosenBy, deviceReasons }: ServedShard): ShardReport {
  return {
    modelId: handle.modelId,
    friendlyName: manifest.friendly_name,
    manifestHash: handle.manifestHash,
    range: handle.range,
    totalLayers: handle.totalLayers,
    precision: handle.precision ?? 'fp32',
    provider: handle.provider,
    providerReasons: [...deviceReasons, ...handle.providerReasons],
    segments: handle.segments.map((segment) => ({
      device: deviceName(segment),
      range: segment.range,
      memoryBytes: segment.memoryBytes,
    })),
    weightBytes: handle.weightBytes,
    cacheBytesPerPosition: handle.kvBytesPerPosition,
    memoryBytes: handle.memoryBytes,
    chosenBy,
  };
}
