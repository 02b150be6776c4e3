import { describe, expect, it } from 'vitest';
import type { NodeState } from '../../../protocol/compute/node-snapshot';
import { furthestStep, welcomeProgress, type WelcomeStep } from './welcome-progress';

const range = { layer_start: 0, layer_end: 7 };
const error = { code: 'x', message: 'No answer.', retryable: true };
const shorthand = (state: NodeState, furthest: WelcomeStep = 'identity') =>
  welcomeProgress(state, furthest)
    .steps.map(({ state }) => ({ done: 'd', running: 'r', todo: '.', stopped: 's' })[state])
    .join('');

describe('welcomeProgress', () => {
  it('walks through the steps', () => {
    expect(shorthand({ kind: 'off' })).toBe('r.....');
    expect(shorthand({ kind: 'preparing', step: 'benchmark', fraction: 0.4 })).toBe('ddr...');
    expect(shorthand({ kind: 'registering' })).toBe('ddddr.');
    expect(shorthand({ kind: 'loading', modelId: 'm', range, fraction: 0.5 })).toBe('dddddr');
    expect(shorthand({ kind: 'serving', modelId: 'm', range })).toBe('dddddd');
  });

  it('keeps the fraction where it is known', () => {
    const { steps } = welcomeProgress({ kind: 'preparing', step: 'benchmark', fraction: 0.4 }, 'identity');
    expect(steps[2]).toEqual({ step: 'benchmark', state: 'running', fraction: 0.4 });
    expect(
      welcomeProgress({ kind: 'preparing', step: 'identity', fraction: 0 }, 'identity').steps[0]?.fraction,
    ).toBeNull();
  });

  it('stops where it was', () => {
    expect(shorthand({ kind: 'waiting', error, retryAt: '' }, 'connecting')).toBe('dddds.');
    expect(shorthand({ kind: 'failed', error }, 'model')).toBe('ddds..');
    expect(welcomeProgress({ kind: 'failed', error }, 'model').outcome).toBe('stopped');
  });

  it('tells ready from paused', () => {
    expect(welcomeProgress({ kind: 'serving', modelId: 'm', range }, 'identity').outcome).toBe('ready');
    expect(welcomeProgress({ kind: 'paused', reason: { kind: 'on-battery', percent: 50 } }, 'identity').outcome).toBe(
      'paused',
    );
    expect(welcomeProgress({ kind: 'paused', reason: { kind: 'no-consent' } }, 'identity').outcome).toBe('working');
  });
});

describe('furthestStep', () => {
  it('never goes back', () => {
    expect(furthestStep('identity', { kind: 'registering' })).toBe('connecting');
    expect(furthestStep('connecting', { kind: 'preparing', step: 'hardware', fraction: 0 })).toBe('connecting');
    expect(furthestStep('model', { kind: 'failed', error })).toBe('model');
  });

  it('knows what only a coordinator refuses, although connecting was too quick to be seen', () => {
    const refused = { ...error, code: 'not-a-member' };
    expect(furthestStep('hardware', { kind: 'failed', error: refused })).toBe('connecting');
    expect(furthestStep('hardware', { kind: 'waiting', error, retryAt: '' })).toBe('connecting');
    expect(furthestStep('loading', { kind: 'waiting', error, retryAt: '' })).toBe('loading');
  });
});
