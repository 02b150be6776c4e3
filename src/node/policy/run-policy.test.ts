import { describe, expect, it } from 'vitest';
import { DEFAULT_POLICY, type PolicyPreferences } from '../../protocol/compute/run-preferences';
import { PRESETS, presetOf } from '../../protocol/compute/run-presets';
import { DEFAULT_READINGS } from './readings';
import { DEFAULT_RUN_PREFERENCES, type RunPreferences, type RunReadings } from './policy-inputs';
import { decideRun, RESUME_CALM_MS, type PolicyMemory, type RunDecision } from './run-policy';

const now = Date.parse('2026-01-02T12:00:00Z');
const fine: RunReadings = {
  ...DEFAULT_READINGS,
  nowMs: now,
  consent: true,
  suspended: null,
  coordinatorIsLocal: false,
};

interface Setting {
  readonly readings?: Partial<RunReadings>;
  readonly policy?: Partial<PolicyPreferences>;
  readonly more?: Partial<RunPreferences>;
}

function decide({ readings = {}, policy = {}, more = {} }: Setting, memory?: PolicyMemory): RunDecision {
  const preferences = { ...DEFAULT_RUN_PREFERENCES, ...more, policy: { ...DEFAULT_POLICY, ...policy } };
  return decideRun({ ...fine, ...readings }, preferences, memory);
}

const outcome = (decision: RunDecision): string => (decision.run ? 'run' : decision.reason.kind);
const idle = (seconds: number | null): Partial<RunReadings> => ({ idleSeconds: seconds });
const cpu = (celsius: number | null, otherPercent: number | null): Partial<RunReadings> => ({
  cpu: { celsius, otherPercent },
});
const gpu = (celsius: number | null, otherPercent: number | null): Partial<RunReadings> => ({
  gpus: { gpu0: { celsius, otherPercent } },
});

/** Each reason to pause by itself, in the order in which they win over each other, for a computer with only a CPU. */
const BLOCKERS: readonly (Setting & { readonly kind: string })[] = [
  { kind: 'no-consent', readings: { consent: false } },
  { kind: 'user', readings: { pausedByUser: true } },
  { kind: 'snoozed', readings: { snoozedUntil: '2026-01-02T13:00:00Z' } },
  { kind: 'suspended', readings: { suspended: 'failed challenges' } },
  { kind: 'device-snoozed', readings: { deviceSnoozes: { network: { until: null } } } },
  { kind: 'disk-low', readings: { freeDiskMb: 100 } },
  { kind: 'disk-cap', readings: { usedDiskMb: 600 }, policy: { diskCapMb: 500 } },
  { kind: 'metered', readings: { metered: true } },
  { kind: 'traffic', readings: { monthlyTrafficMb: 1_000 }, policy: { monthlyTrafficMb: 1_000 } },
  { kind: 'hot', readings: cpu(91, null), policy: { maxCpuCelsius: 90 } },
  { kind: 'power', readings: { watts: 66 }, policy: { maxWatts: 65 } },
  { kind: 'schedule', policy: { schedule: Array.from({ length: 7 }, () => ({ kind: 'none' as const })) } },
  { kind: 'on-battery', readings: { onBattery: true, batteryPercent: 80 } },
  { kind: 'exclusive-program', readings: { exclusiveRunning: ['blender'] } },
  { kind: 'full-screen', readings: { fullScreen: true } },
  { kind: 'other-programs', readings: cpu(null, 51), policy: { otherCpuPercent: 50 } },
  { kind: 'in-use', readings: idle(10), policy: { workInUse: false } },
];

const merged = (one: Setting, other: Setting): Setting => ({
  readings: {
    ...one.readings,
    ...other.readings,
    // Both may say something about the processor.
    cpu: {
      celsius: one.readings?.cpu?.celsius ?? other.readings?.cpu?.celsius ?? null,
      otherPercent: one.readings?.cpu?.otherPercent ?? other.readings?.cpu?.otherPercent ?? null,
    },
  },
  policy: { ...one.policy, ...other.policy },
});

describe('decideRun, each preference alone', () => {
  const rows: readonly (readonly [string, Setting, string])[] = [
    ['nothing speaks against it', {}, 'run'],
    ...BLOCKERS.map((blocker) => [`${blocker.kind} holds`, blocker, blocker.kind] as const),
    ['snoozed until right now', { readings: { snoozedUntil: '2026-01-02T12:00:00Z' } }, 'run'],
    ['snooze over', { readings: { snoozedUntil: '2026-01-02T11:00:00Z' } }, 'run'],
    ['snooze unreadable', { readings: { snoozedUntil: 'soon' } }, 'run'],
    ['device snooze over', { readings: { deviceSnoozes: { cpu: { until: '2026-01-02T11:59:00Z' } } } }, 'run'],
    ['processor snoozed', { readings: { deviceSnoozes: { cpu: { until: null } } } }, 'device-snoozed'],
    ['processor off', { policy: { cpuMode: 'never' } }, 'device-off'],
    ['network off', { policy: { networkMode: 'never' } }, 'device-off'],
    [
      'network off, coordinator here',
      { policy: { networkMode: 'never' }, readings: { coordinatorIsLocal: true } },
      'run',
    ],
    ['metered, coordinator here', { readings: { metered: true, coordinatorIsLocal: true } }, 'run'],
    ['metered, network always', { readings: { metered: true }, policy: { networkMode: 'always' } }, 'run'],
    ['metered allowed', { readings: { metered: true }, policy: { pauseOnMetered: false } }, 'run'],
    ['metered unknown', { readings: { metered: null } }, 'run'],
    ['volume not used up', { readings: { monthlyTrafficMb: 999 }, policy: { monthlyTrafficMb: 1_000 } }, 'run'],
    ['volume unlimited', { readings: { monthlyTrafficMb: 1e9 } }, 'run'],
    ['disk at its floor', { readings: { freeDiskMb: 1_024 } }, 'run'],
    ['disk unknown', { readings: { freeDiskMb: null, usedDiskMb: null }, policy: { diskCapMb: 0 } }, 'run'],
    ['at the temperature limit', { readings: cpu(90, null), policy: { maxCpuCelsius: 90 } }, 'run'],
    ['hot without a limit', { readings: cpu(99, null) }, 'run'],
    ['temperature unknown', { readings: cpu(null, null), policy: { maxCpuCelsius: 50 } }, 'run'],
    ['power unknown', { readings: { watts: null }, policy: { maxWatts: 5 } }, 'run'],
    [
      'on battery, allowed',
      { readings: { onBattery: true, batteryPercent: 80 }, more: { pauseOnBattery: false } },
      'run',
    ],
    [
      'on battery, allowed, low',
      { readings: { onBattery: true, batteryPercent: 29 }, more: { pauseOnBattery: false } },
      'battery-low',
    ],
    [
      'on battery, allowed, charge unknown',
      { readings: { onBattery: true, batteryPercent: null }, more: { pauseOnBattery: false } },
      'run',
    ],
    ['low but on mains', { readings: { onBattery: false, batteryPercent: 5 } }, 'run'],
    ['full screen allowed', { readings: { fullScreen: true }, policy: { pauseOnFullScreen: false } }, 'run'],
    ['full screen unknown', { readings: { fullScreen: null } }, 'run'],
    ['others at the limit', { readings: cpu(null, 50), policy: { otherCpuPercent: 50 } }, 'run'],
    ['others without a limit', { readings: cpu(null, 100) }, 'run'],
    ['in use, allowed', { readings: idle(0) }, 'run'],
    ['idle for long enough', { readings: idle(300), policy: { workInUse: false } }, 'run'],
    ['not idle for long enough', { readings: idle(299), policy: { workInUse: false } }, 'in-use'],
    ['idle unknown', { readings: idle(null), policy: { workInUse: false } }, 'idle-unknown'],
    ['idle unknown, use allowed', { readings: idle(null) }, 'run'],
    [
      'processor always: rules do not hold',
      { readings: idle(0), policy: { workInUse: false, cpuMode: 'always' } },
      'run',
    ],
    [
      'processor always: heat does',
      { readings: cpu(99, null), policy: { maxCpuCelsius: 90, cpuMode: 'always' } },
      'hot',
    ],
    ['processor off, graphics on', { readings: gpu(null, null), policy: { cpuMode: 'never' } }, 'run'],
    ['graphics hot, processor on', { readings: gpu(99, null) }, 'run'],
    ['graphics hot, processor off', { readings: gpu(99, null), policy: { cpuMode: 'never' } }, 'hot'],
    ['graphics busy, processor off', { readings: gpu(null, 31), policy: { cpuMode: 'never' } }, 'other-programs'],
    [
      'everything off',
      { readings: gpu(null, null), policy: { cpuMode: 'never', gpuModes: { gpu0: 'never' } } },
      'device-off',
    ],
  ];
  it.each(rows)('%s', (_name, setting, expected) => {
    expect(outcome(decide(setting))).toBe(expected);
  });
});

describe('decideRun, pairs of preferences', () => {
  const pairs = BLOCKERS.flatMap((first, index) =>
    BLOCKERS.slice(index + 1).map((second) => [`${first.kind} before ${second.kind}`, first, second] as const),
  );
  it.each(pairs)('%s', (_name, first, second) => {
    expect(outcome(decide(merged(first, second)))).toBe(first.kind);
    expect(outcome(decide(merged(second, first)))).toBe(first.kind);
  });
});

describe('what a decision carries', () => {
  it('says what the reason is about', () => {
    expect(decide({ readings: { onBattery: true, batteryPercent: 41 } })).toMatchObject({
      run: false,
      reason: { kind: 'on-battery', percent: 41 },
    });
    expect(decide({ readings: cpu(95.4, null), policy: { maxCpuCelsius: 90 } })).toMatchObject({
      reason: { kind: 'hot', device: 'cpu', celsius: 95, limitCelsius: 90, resumesBelow: 85 },
    });
  });

  it('gives the limits of use and of idleness', () => {
    const policy = {
      idle: { cpuShare: 0.9, gpuShare: 0.8, vramMb: null },
      inUse: { cpuShare: 0.3, gpuShare: 0.2, memoryMb: 500, vramMb: 100 },
      uploadKilobytesPerSecond: 250,
    };
    const more = { cpuThreads: 2, memoryBudgetBytes: 1_000_000_000 };
    expect(decide({ readings: { ...idle(900), ...gpu(50, 0) }, policy, more })).toMatchObject({
      run: true,
      inUse: false,
      level: {
        cpuThreads: 2,
        memoryBudgetBytes: 1_000_000_000,
        devices: ['cpu', 'gpu0'],
        cpuShare: 0.9,
        gpuShare: 0.8,
        vramBudgetBytes: null,
        uploadBytesPerSecond: 250_000,
        downloadBytesPerSecond: null,
      },
    });
    expect(decide({ readings: idle(10), policy, more })).toMatchObject({
      inUse: true,
      level: { memoryBudgetBytes: 500 * 1_048_576, cpuShare: 0.3, gpuShare: 0.2, vramBudgetBytes: 100 * 1_048_576 },
    });
    // What cannot be told is taken for use.
    expect(decide({ readings: idle(null), policy })).toMatchObject({ inUse: true, level: { cpuShare: 0.3 } });
  });

  it('answers for each device', () => {
    const decision = decide({
      readings: { ...gpu(90, null), deviceSnoozes: { cpu: { until: '2026-01-02T12:30:00Z' } }, metered: true },
    });
    expect(decision.devices.map(({ device, reason }) => [device, reason?.kind ?? 'run'])).toEqual([
      ['cpu', 'device-snoozed'],
      ['gpu0', 'hot'],
      ['network', 'metered'],
    ]);
    expect(decision.online).toBe(true);
    expect(decide({ policy: { networkMode: 'never' } }).online).toBe(false);
  });

  it('names the next moment at which time alone changes it', () => {
    expect(decide({}).recheckAtMs).toBeNull();
    const readings = {
      snoozedUntil: '2026-01-02T14:00:00Z',
      deviceSnoozes: { cpu: { until: '2026-01-02T13:00:00Z' }, network: { until: null } },
    };
    expect(decide({ readings }).recheckAtMs).toBe(Date.parse('2026-01-02T13:00:00Z'));
  });
});

describe('limits that end later than they begin', () => {
  const steps = (setting: (value: number) => Setting, values: readonly number[]): string => {
    let memory: PolicyMemory | undefined;
    let nowMs = now;
    return values
      .map((value) => {
        const { readings, ...rest } = setting(value);
        const decision = decide({ ...rest, readings: { ...readings, nowMs } }, memory);
        // Far enough apart that the calm after a disturbance is over.
        nowMs += RESUME_CALM_MS + 1;
        ({ memory } = decision);
        return decision.run ? 'run' : 'pause';
      })
      .join(' ');
  };

  it('heat', () => {
    const hot = (celsius: number): Setting => ({ readings: cpu(celsius, null), policy: { maxCpuCelsius: 90 } });
    expect(steps(hot, [90, 91, 89, 85, 84, 89, 91])).toBe('run pause pause pause run run pause');
  });

  it('power', () => {
    const drawn = (watts: number): Setting => ({ readings: { watts }, policy: { maxWatts: 100 } });
    expect(steps(drawn, [100, 101, 91, 90, 89, 95])).toBe('run pause pause pause run run');
  });

  it('battery', () => {
    const charge = (batteryPercent: number): Setting => ({
      readings: { onBattery: true, batteryPercent },
      more: { pauseOnBattery: false },
    });
    expect(steps(charge, [31, 30, 29, 32, 34, 35, 30])).toBe('run run pause pause pause run run');
  });

  it('other programs', () => {
    const used = (percent: number): Setting => ({ readings: cpu(null, percent), policy: { otherCpuPercent: 50 } });
    expect(steps(used, [50, 51, 40, 35, 34, 45])).toBe('run pause pause pause run run');
  });

  it('remembers one limit while another reason is the one shown', () => {
    const setting = { readings: { ...cpu(91, null), pausedByUser: true }, policy: { maxCpuCelsius: 90 } };
    const paused = decide(setting);
    expect(outcome(paused)).toBe('user');
    const later = decide({ ...setting, readings: { ...cpu(88, null) } }, paused.memory);
    expect(outcome(later)).toBe('hot');
  });
});

describe('resuming', () => {
  const busy = { readings: { ...idle(3) }, policy: { workInUse: false, idleMinutes: 1 } };
  it('waits for calm after a passing disturbance', () => {
    const paused = decide(busy);
    const at = (afterMs: number, memory = paused.memory): RunDecision =>
      decide({ ...busy, readings: { ...idle(60), nowMs: now + afterMs } }, memory);
    expect(at(1)).toMatchObject({ run: false, reason: { kind: 'in-use' }, recheckAtMs: now + RESUME_CALM_MS });
    expect(outcome(at(RESUME_CALM_MS - 1, at(1).memory))).toBe('in-use');
    expect(outcome(at(RESUME_CALM_MS))).toBe('run');
    expect(at(RESUME_CALM_MS).memory.disturbance).toBeNull();
  });

  it('does not wait longer because the clock was set back', () => {
    const paused = decide(busy);
    expect(outcome(decide({ ...busy, readings: { ...idle(60), nowMs: now - 3_600_000 } }, paused.memory))).toBe('run');
  });

  it('is immediate after what a person ended', () => {
    const paused = decide({ readings: { pausedByUser: true } });
    expect(outcome(decide({ readings: { nowMs: now + 1 } }, paused.memory))).toBe('run');
  });
});

describe('presets', () => {
  it('are recognised by what they decide', () => {
    expect(presetOf(DEFAULT_POLICY, true)).toBe('balanced');
    expect(presetOf({ ...DEFAULT_POLICY, ...PRESETS.quiet.policy }, true)).toBe('quiet');
    expect(presetOf({ ...DEFAULT_POLICY, ...PRESETS.allIn.policy }, false)).toBe('allIn');
    expect(presetOf({ ...DEFAULT_POLICY, idleMinutes: 7 }, true)).toBeNull();
    // Hours are the person's own in every preset.
    expect(presetOf({ ...DEFAULT_POLICY, exclusivePrograms: ['x'] }, true)).toBe('balanced');
  });
});
