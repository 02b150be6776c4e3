import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { NO_WORK } from '../../../contract/records';
import type { ModelCoverage } from '../../../contract/snapshot';
import { earningReasons, type EarningReadings } from './earning-reasons';

const WEEK = 7 * 86_400;

function coverage(holders: readonly ('mine' | 'others' | 'missing')[], count = 1): ModelCoverage {
  return {
    modelId: 'tiny',
    friendlyName: 'Tiny',
    totalLayers: holders.length,
    available: !holders.includes('missing'),
    reason: null,
    layers: holders.map((holder, index) => ({ index, holder, holders: holder === 'missing' ? 0 : count })),
  };
}

/** A computer that serves all week, is asked often and passes its challenges. */
const GOOD: EarningReadings = {
  node: {
    state: { kind: 'serving', modelId: 'tiny', range: { layer_start: 0, layer_end: 1 } },
    coordinator: { url: 'http://localhost', name: 'Here', version: '1', transport: 'websocket', tokenMode: true },
    reliability: 1,
    hardwareClass: 'mid_consumer_gpu',
    multiplier: 1,
    tokensPerSecond: 20,
  },
  coverage: coverage(['mine', 'mine']),
  work: { ...NO_WORK, requests: 500, servingSeconds: WEEK, workingSeconds: WEEK / 4, challengesPassed: 40 },
  states: [{ state: 'serving', seconds: WEEK }],
  observedSeconds: WEEK,
};

const kinds = (changes: Partial<EarningReadings>): readonly string[] =>
  earningReasons({ ...GOOD, ...changes }).map((reason) =>
    reason.kind === 'paused' ? `paused ${reason.reason}` : reason.kind,
  );

describe('why a computer earns little', () => {
  it('finds nothing where nothing stands out', () => {
    expect(kinds({})).toEqual([]);
  });

  it.each<[string, Partial<EarningReadings>, readonly string[]]>([
    [
      'a coordinator without accounts, before everything else',
      {
        node: { ...GOOD.node, coordinator: { ...GOOD.node.coordinator, tokenMode: false } },
        states: [{ state: 'offline', seconds: WEEK }],
      },
      ['no-tokens', 'not-connected'],
    ],
    [
      'pauses by their share of the week, the longest first',
      {
        states: [
          { state: 'paused:on-battery', seconds: 0.2 * WEEK },
          { state: 'paused:in-use', seconds: 0.5 * WEEK },
          { state: 'paused:full-screen', seconds: 0.01 * WEEK },
          { state: 'serving', seconds: 0.29 * WEEK },
        ],
      },
      ['paused in-use', 'paused on-battery'],
    ],
    ['an app that was closed', { states: [{ state: 'serving', seconds: 0.3 * WEEK }] }, ['app-closed']],
    [
      'a suspension',
      { node: { ...GOOD.node, state: { kind: 'paused', reason: { kind: 'suspended', message: 'Twice wrong.' } } } },
      ['suspended'],
    ],
    ['a pipeline nobody completes', { coverage: coverage(['mine', 'missing']) }, ['pipeline-incomplete']],
    [
      'layers many hold, when questions are rare',
      { coverage: coverage(['mine', 'others'], 5), work: { ...GOOD.work, workingSeconds: 60 } },
      ['layers-crowded'],
    ],
    ['nobody asking', { work: { ...GOOD.work, workingSeconds: 60 } }, ['no-demand']],
    [
      'challenges that failed, rather than the reliability they cost',
      { node: { ...GOOD.node, reliability: 0.6 }, work: { ...GOOD.work, challengesFailed: 20 } },
      ['challenges-failed'],
    ],
    ['a low reliability left from earlier', { node: { ...GOOD.node, reliability: 0.6 } }, ['low-reliability']],
    ['requests that failed', { work: { ...GOOD.work, requestsFailed: 100 } }, ['requests-failed']],
    [
      'slow hardware, last',
      {
        node: { ...GOOD.node, hardwareClass: 'cpu_only', multiplier: 0.1 },
        states: [
          { state: 'paused:user', seconds: WEEK / 2 },
          { state: 'serving', seconds: WEEK / 2 },
        ],
      },
      ['paused user', 'slow'],
    ],
    ['a start a few hours ago', { observedSeconds: 7_200, states: [{ state: 'serving', seconds: 7_200 }] }, ['new']],
    ['nothing before the first record', { observedSeconds: 0, states: [], work: NO_WORK }, []],
  ])('names %s', (_what, changes, expected) => {
    expect(kinds(changes)).toEqual(expected);
  });

  it('never names a share outside of 0 to 1, nor a reason twice', () => {
    const seconds = fc.double({ min: 0, max: 2 * WEEK, noNaN: true });
    const state = fc.constantFrom('serving', 'offline', 'failed', 'preparing', 'paused:user', 'paused:in-use');
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.record({ state, seconds }), { selector: (one) => one.state }),
        seconds,
        (states, observedSeconds) => {
          const reasons = earningReasons({ ...GOOD, states, observedSeconds });
          for (const reason of reasons) {
            if ('share' in reason) expect(reason.share).toBeGreaterThanOrEqual(0.1);
            if ('share' in reason) expect(reason.share).toBeLessThanOrEqual(1);
          }
          const names = reasons.map((reason) => JSON.stringify([reason.kind, 'reason' in reason ? reason.reason : '']));
          expect(new Set(names).size).toBe(names.length);
        },
      ),
    );
  });
});
