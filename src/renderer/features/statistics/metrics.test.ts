import { describe, expect, it } from 'vitest';
import { NO_WORK, type StatisticsBucket } from '../../../contract';
import { changeSince, metricValue, plotFactor, sumOf } from './metrics';

const bucket = (work: Partial<StatisticsBucket['work']>, runningSeconds = 0): StatisticsBucket => ({
  startMs: 0,
  endMs: 1,
  work: { ...NO_WORK, ...work },
  runningSeconds,
});

describe('figures', () => {
  it('come in the unit they are plotted in', () => {
    const { work } = bucket({ earnedMicroGft: 2_500_000, servingSeconds: 5_400, energyJoules: 7_200, flops: 3 });
    expect(metricValue('earned', { work })).toBe(2.5);
    expect(metricValue('uptime', { work })).toBe(1.5);
    expect(metricValue('energy', { work })).toBe(2);
    expect(metricValue('flops', { work })).toBe(3);
  });

  it('that are shares are means over the time or the energy they hold for', () => {
    const two = sumOf([
      bucket({ reliabilitySeconds: 90, ratedSeconds: 100, gridJoules: 10, renewableJoules: 10 }, 5),
      bucket({ reliabilitySeconds: 150, ratedSeconds: 300, gridJoules: 30, renewableJoules: 0 }, 7),
    ]);
    expect(two.runningSeconds).toBe(12);
    expect(metricValue('reliability', two)).toBe(0.6);
    expect(metricValue('renewable', two)).toBe(0.25);
    expect(metricValue('reliability', bucket({}))).toBeNull();
  });

  it('of less than an hour are plotted in minutes, others as they are', () => {
    expect(plotFactor('uptime', 0.4)).toBe(60);
    expect(plotFactor('uptime', 1)).toBe(1);
    expect(plotFactor('energy', 0.4)).toBe(1);
  });

  it('compare with the time before where there was something', () => {
    expect(changeSince(15, 10)).toBe(0.5);
    expect(changeSince(0, 10)).toBe(-1);
    expect(changeSince(15, 0)).toBeNull();
    expect(changeSince(null, 10)).toBeNull();
  });
});
