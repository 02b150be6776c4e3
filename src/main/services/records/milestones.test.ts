import { describe, expect, it } from 'vitest';
import { NO_WORK } from '../../../contract/records';
import { nextMilestones, reachedMilestones } from './milestones';

describe('milestones', () => {
  it('are reached in the unit of their kind', () => {
    const total = { ...NO_WORK, requests: 12, flops: 3e12, earnedMicroGft: 999_999, servingSeconds: 24 * 3_600 };
    expect(reachedMilestones(total)).toEqual([
      { kind: 'requests', value: 1 },
      { kind: 'requests', value: 10 },
      { kind: 'teraflops', value: 1 },
      { kind: 'hours', value: 1 },
      { kind: 'hours', value: 24 },
    ]);
    expect(nextMilestones(total).find(({ kind }) => kind === 'gft')).toEqual({
      kind: 'gft',
      value: 1,
      fraction: 0.999999,
    });
    expect(nextMilestones(total).map(({ value }) => value)).toEqual([100, 100, 1, 100]);
  });
});
