import type { ShardCandidate } from '../scheduling/pipeline-choice';

/** A candidate of an idle, reliable node next door that takes a millisecond for a layer. */
export function testCandidate(
  layerStart: number,
  layerEnd: number,
  more: Partial<ShardCandidate> = {},
): ShardCandidate {
  return {
    nodeId: `${layerStart}-${layerEnd}`,
    layerStart,
    layerEnd,
    manifestHash: 'a',
    precision: 'fp32',
    isActive: true,
    reliability: 1,
    layerMs: 1,
    roundTripMs: 0,
    activeRequests: 0,
    gridPriority: 0.5,
    served: 0,
    ...more,
  };
}
