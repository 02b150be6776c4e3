import { describe, expect, it } from 'vitest';
import { NO_NODE_FACTS, type NodeSnapshot, type ShardReport } from '../../../protocol/compute/node-snapshot';
import type { WorkSample } from '../../../records';
import { ManualTimers } from '../../test-doubles/manual-timers';
import { WorkRecorder } from './work-recorder';

const shard = { modelId: 'tiny', provider: 'cpu' } as ShardReport;
const serving: NodeSnapshot['state'] = {
  kind: 'serving',
  modelId: 'tiny',
  range: { layer_start: 0, layer_end: 1 },
};
const idle: NodeSnapshot = { ...NO_NODE_FACTS, state: { kind: 'off' }, tokensPerSecond: null };

function record(options: { failing?: () => boolean } = {}) {
  const timers = new ManualTimers(Date.parse('2026-02-03T10:50:00Z'));
  const startMs = timers.now();
  const written: WorkSample[] = [];
  let node = idle;
  // The wall clock may be set; this one goes on.
  let setByMs = 0;
  const recorder = new WorkRecorder({
    node: () => node,
    power: () => ({
      ownCpuPercent: 50,
      otherCpuPercent: 0,
      packageWatts: null,
      graphicsWatts: null,
      cores: 4,
      fullLoadWatts: 100,
    }),
    renewableFraction: () => 0.25,
    write: async (samples) => {
      if (options.failing?.() === true) throw new Error('disk full');
      written.push(...samples);
    },
    timers: {
      now: () => timers.now() + setByMs,
      after: (...args) => timers.after(...args),
      every: (...args) => timers.every(...args),
    },
    monotonicMs: () => timers.now() - startMs,
  });
  const become = (changes: Partial<NodeSnapshot>): void => {
    node = { ...node, ...changes };
    recorder.onSnapshot(node);
  };
  const sums = () => {
    const total: Record<string, number> = {};
    for (const { work, states } of written) {
      for (const [counter, value] of Object.entries(work)) total[counter] = (total[counter] ?? 0) + value;
      for (const { state, seconds } of states) total[state] = (total[state] ?? 0) + seconds;
    }
    return total;
  };
  return { recorder, timers, written, become, sums, setClock: (byMs: number) => (setByMs += byMs) };
}

describe('the recorder of work', () => {
  it('counts states to the second, counters by what they gained, and energy by use', async () => {
    const { recorder, timers, become, sums, written } = record();
    timers.advance(7_000);
    become({ state: serving, shard, reliability: 0.9 });
    timers.advance(40_000);
    become({ requestsActive: 1 });
    timers.advance(10_000);
    become({ requestsActive: 0, requestsServed: 2, tokensServed: 31, flopsServed: 5e6 });
    become({ state: { kind: 'paused', reason: { kind: 'on-battery', percent: 50 } }, shard: null });
    timers.advance(13_000);
    await recorder.close();
    expect(sums()).toEqual({
      off: 7,
      serving: 50,
      'paused:on-battery': 13,
      servingSeconds: 50,
      workingSeconds: 10,
      requests: 2,
      tokens: 31,
      flops: 5e6,
      ratedSeconds: 63,
      reliabilitySeconds: 0.9 * 63,
      // Half of 100 W for 50 s, a quarter of it renewable.
      energyJoules: 2_500,
      gridJoules: 2_500,
      renewableJoules: 625,
    });
    expect(written.filter(({ work }) => work.requests !== undefined)).toMatchObject([{ model: 'tiny', device: 'cpu' }]);
  });

  it('does not count sleep, nor a clock that was set', async () => {
    const { recorder, timers, become, sums, setClock } = record();
    become({ state: serving, shard });
    timers.advance(20_000);
    setClock(-3_600_000);
    timers.advance(20_000);
    setClock(7_200_000);
    await recorder.flush();
    expect(sums()['serving']).toBe(40);
    const { recorder: sleeper, timers: sleepTimers, become: sleeperBecomes, sums: slept } = record();
    sleeperBecomes({ state: serving, shard });
    await sleeper.close();
    // Timers stand still while a computer sleeps; the next look comes hours later.
    sleepTimers.advance(4 * 3_600_000);
    await sleeper.flush();
    expect(slept()['serving']).toBeUndefined();
  });

  it('tells earned from spent and lost', async () => {
    const { recorder, become, sums } = record();
    become({ state: serving, shard });
    recorder.onBalance(300, 'issuance');
    recorder.onBalance(-120, 'redemption');
    recorder.onBalance(-7, 'penalty');
    recorder.onBalance(-5, 'expiry');
    recorder.onBalance(10_000_000, 'purchase');
    recorder.onBalance(40, null);
    recorder.onBalance(null, 'issuance');
    await recorder.close();
    expect(sums()).toEqual({ earnedMicroGft: 340, spentMicroGft: 120, lostMicroGft: 12 });
  });

  it('counts a verdict once, however it comes', async () => {
    const { recorder, sums } = record();
    const verdict = (taskId: string, passed: boolean) =>
      ({ taskId, verdict: passed ? 'passed' : 'failed' }) as Parameters<WorkRecorder['onChallenge']>[0];
    recorder.onChallenge(verdict('a', true));
    recorder.onChallenge(verdict('a', true));
    recorder.onChallenge(verdict('b', false));
    await recorder.close();
    expect(sums()).toEqual({ challengesPassed: 1, challengesFailed: 1 });
  });

  it('keeps what could not be written for the next time', async () => {
    let failing = true;
    const { recorder, timers, become, sums } = record({ failing: () => failing });
    become({ state: serving, shard });
    timers.advance(30_000);
    await recorder.flush();
    expect(sums()).toEqual({});
    failing = false;
    timers.advance(30_000);
    await recorder.close();
    expect(sums()['serving']).toBe(60);
  });

  it('takes counters that begin anew as they are', async () => {
    const { recorder, become, sums } = record();
    become({ state: serving, shard, requestsServed: 5 });
    become({ state: { kind: 'off' }, requestsServed: 1 });
    become({ state: serving, requestsServed: 3 });
    await recorder.close();
    expect(sums()['requests']).toBe(7);
  });
});
