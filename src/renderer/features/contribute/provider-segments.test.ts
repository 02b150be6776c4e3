import { expect, it } from 'vitest';
import type { SegmentReport } from '../../../protocol/compute/node-snapshot';
import { segmentsOn } from './provider-segments';

const segment = (device: string): SegmentReport => ({
  device,
  range: { layer_start: 0, layer_end: 1 },
  memoryBytes: 1,
});

it('finds the parts of a shard on each card of a provider', () => {
  const segments = ['cuda:0', 'cuda:1', 'cuda:11', 'cpu'].map(segment);
  const devicesOn = (name: string, deviceId?: number): string[] =>
    segmentsOn({ name, ...(deviceId === undefined ? {} : { deviceId }) }, segments).map(({ device }) => device);
  expect(devicesOn('cuda')).toEqual(['cuda:0']);
  expect(devicesOn('cuda', 1)).toEqual(['cuda:1']);
  expect(devicesOn('cpu')).toEqual(['cpu']);
  expect(devicesOn('webgpu')).toEqual([]);
  expect(segmentsOn({ name: 'cuda' }, [segment('cuda')])).toHaveLength(1);
});
