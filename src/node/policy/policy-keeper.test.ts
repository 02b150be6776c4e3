import { describe, expect, it } from 'vitest';
import { DEFAULT_RUN_PREFERENCES } from './policy-inputs';
import { PolicyKeeper } from './policy-keeper';

describe('PolicyKeeper', () => {
  it('does not hold the calm after a disturbance against preferences that are not in force', () => {
    let now = Date.parse('2026-01-02T12:00:00Z');
    const keeper = new PolicyKeeper(
      { consent: true, idleSeconds: 1 },
      () => now,
      () => null,
    );
    const quiet = {
      ...DEFAULT_RUN_PREFERENCES,
      policy: { ...DEFAULT_RUN_PREFERENCES.policy, workInUse: false },
      coordinatorUrl: 'http://127.0.0.1:1',
    };
    const always = { ...quiet, policy: DEFAULT_RUN_PREFERENCES.policy };
    expect(keeper.decide(quiet).run).toBe(false);
    now += 1_000;
    expect(keeper.preview(always, true).run).toBe(true);
    // In force they wait for the calm like any other.
    expect(keeper.preview(always).run).toBe(false);
  });
});
