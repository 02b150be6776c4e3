import { describe, expect, it } from 'vitest';
import { decideRun, DEFAULT_RUN_PREFERENCES, type RunPreferences, type RunReadings } from './run-policy';

const now = Date.parse('2026-01-02T12:00:00Z');
const fine: RunReadings = {
  nowMs: now,
  consent: true,
  pausedByUser: false,
  snoozedUntil: null,
  onBattery: false,
  batteryPercent: null,
  suspended: null,
};

const rows: [string, Partial<RunReadings>, Partial<RunPreferences>, string][] = [
  ['nothing speaks against it', {}, {}, 'run'],
  ['no consent', { consent: false }, {}, 'no-consent'],
  ['paused by the user', { pausedByUser: true }, {}, 'user'],
  ['snoozed into the future', { snoozedUntil: '2026-01-02T13:00:00Z' }, {}, 'snoozed'],
  ['snoozed until right now', { snoozedUntil: '2026-01-02T12:00:00Z' }, {}, 'run'],
  ['snooze over', { snoozedUntil: '2026-01-02T11:00:00Z' }, {}, 'run'],
  ['snooze unreadable', { snoozedUntil: 'soon' }, {}, 'run'],
  ['suspended', { suspended: 'failed challenges' }, {}, 'suspended'],
  ['on battery', { onBattery: true, batteryPercent: 80 }, {}, 'on-battery'],
  ['on battery, allowed', { onBattery: true }, { pauseOnBattery: false }, 'run'],
  ['consent comes before everything', { consent: false, pausedByUser: true, suspended: 'x' }, {}, 'no-consent'],
  ['user before snooze', { pausedByUser: true, snoozedUntil: '2026-01-02T13:00:00Z' }, {}, 'user'],
  ['snooze before suspension', { suspended: 'x', snoozedUntil: '2026-01-02T13:00:00Z' }, {}, 'snoozed'],
  ['suspension before battery', { suspended: 'x', onBattery: true }, {}, 'suspended'],
];

describe('decideRun', () => {
  it.each(rows)('%s', (_name, readings, preferences, expected) => {
    const decision = decideRun({ ...fine, ...readings }, { ...DEFAULT_RUN_PREFERENCES, ...preferences });
    expect(decision.run ? 'run' : decision.reason.kind).toBe(expected);
  });

  it('carries what the reason is about', () => {
    expect(decideRun({ ...fine, onBattery: true, batteryPercent: 41 }, DEFAULT_RUN_PREFERENCES)).toEqual({
      run: false,
      reason: { kind: 'on-battery', percent: 41 },
    });
    expect(decideRun(fine, { ...DEFAULT_RUN_PREFERENCES, cpuThreads: 2, memoryBudgetBytes: 1_000_000_000 })).toEqual({
      run: true,
      level: { cpuThreads: 2, memoryBudgetBytes: 1_000_000_000 },
    });
  });
});
