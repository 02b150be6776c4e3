import { describe, expect, it } from 'vitest';
import { testManifest } from '../testing/test-model';
import { NodePerformance, usualLayerMs } from './node-performance';

const step = { nodeId: 'n', modelId: 'm', layers: 4, positions: 1, elapsedMs: 50, activeRequests: 1 };

describe('NodePerformance', () => {
  it('takes the way off a step and shares it among layers and requests', () => {
    const performance = new NodePerformance();
    expect(performance.layerMs('n', 'm')).toBeNull();
    performance.noteRoundTrip('n', 10);
    performance.noteStep(step);
    expect(performance.layerMs('n', 'm')).toBe(10);
    const busy = new NodePerformance();
    busy.noteStep({ ...step, activeRequests: 5 });
    expect(busy.layerMs('n', 'm')).toBe(2.5);
  });

  it('follows a change slowly, and learns nothing from prefill', () => {
    const performance = new NodePerformance();
    performance.noteStep(step);
    performance.noteStep({ ...step, positions: 128, elapsedMs: 5_000 });
    expect(performance.layerMs('n', 'm')).toBe(12.5);
    performance.noteStep({ ...step, elapsedMs: 100 });
    expect(performance.layerMs('n', 'm')).toBeCloseTo(15);
  });

  it('assumes something of nodes it never measured, and forgets those that are gone', () => {
    const performance = new NodePerformance();
    const usual = performance.roundTripMs('n');
    expect(usual).toBeGreaterThan(0);
    performance.noteRoundTrip('n', 3);
    performance.noteStep(step);
    performance.prune((nodeId) => nodeId !== 'n');
    expect(performance.roundTripMs('n')).toBe(usual);
    expect(performance.layerMs('n', 'm')).toBeNull();
  });
});

describe('usualLayerMs', () => {
  it('is the time to read the weights of a layer', () => {
    expect(usualLayerMs(testManifest())).toBeCloseTo(0.005);
  });
});
