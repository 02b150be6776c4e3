import { expect, it } from 'vitest';
import type { AdminNode } from '../../../protocol/compute/http/admin';
import { coverageOfNodes } from './coverage-of-nodes';

function node(id: string, layer_start: number, layer_end: number, online = true, model_id = 'tiny'): AdminNode {
  return {
    id,
    public_key: id,
    status: 'active',
    reason: '',
    connected: online,
    hardware_class: 'cpu_only',
    multiplier: 0.1,
    reliability: 1,
    region: null,
    quarantine_until: null,
    hardware_changes: 0,
    balance: 0,
    same_machine_as: [],
    shards: [{ model_id, layer_start, layer_end, online }],
    registered_at: '',
    last_seen: '',
  };
}

const model = { modelId: 'tiny', friendlyName: 'Tiny', totalLayers: 4 };

it('counts the holders of each layer and tells mine from others', () => {
  const coverage = coverageOfNodes(model, [node('a', 0, 1), node('b', 1, 2)], 'b');
  expect(coverage.layers).toEqual([
    { index: 0, holder: 'others', holders: 1 },
    { index: 1, holder: 'mine', holders: 2 },
    { index: 2, holder: 'mine', holders: 1 },
    { index: 3, holder: 'missing', holders: 0 },
  ]);
  expect(coverage.available).toBe(false);
});

it('leaves out shards that are offline or of another model', () => {
  const coverage = coverageOfNodes(model, [node('a', 0, 3, false), node('b', 0, 3, true, 'other')], null);
  expect(coverage.layers.every((layer) => layer.holder === 'missing')).toBe(true);
});
