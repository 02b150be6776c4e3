import type { ProviderReport, SegmentReport } from '../../../protocol/compute/node-snapshot';

/** Parts of the shard that run on a provider, or on one of its cards where the report names one. */
export function segmentsOn(
  { name, deviceId = 0 }: Pick<ProviderReport, 'name' | 'deviceId'>,
  segments: readonly SegmentReport[],
): readonly SegmentReport[] {
  // A card without a number is the provider's first.
  return segments.filter(({ device }) => device === `${name}:${deviceId}` || (deviceId === 0 && device === name));
}
