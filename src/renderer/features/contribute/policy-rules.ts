import type { PolicyView } from '../../../contract';
import type { PolicyPreferences } from '../../../protocol/compute/run-preferences';
import type { policy as texts } from '../../i18n/en/policy';

type RuleName = keyof typeof texts.rows;
type Patch = Partial<PolicyPreferences>;

interface RuleBase {
  readonly name: RuleName;
  /** What this system must be able to tell for the rule to hold. */
  readonly needs?: PolicyView['unreadable'][number]['what'];
}

export interface SwitchRule extends RuleBase {
  readonly kind: 'switch';
  readonly read: (policy: PolicyPreferences) => boolean;
  readonly write: (checked: boolean) => Patch;
}

export interface NumberRule extends RuleBase {
  readonly kind: 'number';
  readonly minimum: number;
  readonly maximum: number;
  readonly step?: number;
  readonly suffix: string;
  /** Left empty there is no limit. */
  readonly optional: boolean;
  readonly read: (policy: PolicyPreferences) => number | null;
  /** Null for a value that cannot be written. */
  readonly write: (policy: PolicyPreferences, value: number | null) => Patch | null;
}

export type Rule = SwitchRule | NumberRule;

type SwitchKey = {
  [Key in keyof PolicyPreferences]: PolicyPreferences[Key] extends boolean ? Key : never;
}[keyof PolicyPreferences];
type LimitKey =
  | 'batteryFloorPercent'
  | 'maxCpuCelsius'
  | 'maxGpuCelsius'
  | 'maxWatts'
  | 'otherCpuPercent'
  | 'otherGpuPercent'
  | 'uploadKilobytesPerSecond'
  | 'downloadKilobytesPerSecond'
  | 'monthlyTrafficMb'
  | 'diskCapMb';

const onOff = (name: SwitchKey & RuleName, needs?: SwitchRule['needs']): SwitchRule => ({
  kind: 'switch',
  name,
  read: (policy) => policy[name],
  write: (checked) => ({ [name]: checked }),
  ...(needs === undefined ? {} : { needs }),
});

const limit = (name: LimitKey, suffix: string, minimum: number, maximum: number, step = 1): NumberRule => ({
  kind: 'number',
  name,
  minimum,
  maximum,
  step,
  suffix,
  optional: true,
  read: (policy) => policy[name],
  write: (_policy, value) => ({ [name]: value }),
});

/** A share of a device's time, shown in percent. */
const share = (name: RuleName, when: 'idle' | 'inUse', key: 'cpuShare' | 'gpuShare'): NumberRule => ({
  kind: 'number',
  name,
  minimum: 5,
  maximum: 100,
  step: 5,
  suffix: ' %',
  optional: false,
  read: (policy) => Math.round(policy[when][key] * 100),
  write: (policy, value) => (value === null ? null : { [when]: { ...policy[when], [key]: value / 100 } }),
});

const inUseMemory: NumberRule = {
  kind: 'number',
  name: 'inUseMemoryMb',
  minimum: 64,
  maximum: 1_048_576,
  step: 256,
  suffix: ' MB',
  optional: true,
  read: (policy) => policy.inUse.memoryMb,
  write: (policy, memoryMb) => ({ inUse: { ...policy.inUse, memoryMb } }),
};

const graphicsMemory = (name: RuleName, when: 'idle' | 'inUse'): NumberRule => ({
  ...inUseMemory,
  name,
  read: (policy) => policy[when].vramMb,
  write: (policy, vramMb) => ({ [when]: { ...policy[when], vramMb } }),
});

const idleMinutes: NumberRule = {
  kind: 'number',
  name: 'idleMinutes',
  minimum: 1,
  maximum: 1_440,
  suffix: ' min',
  optional: false,
  read: (policy) => policy.idleMinutes,
  write: (_policy, value) => (value === null ? null : { idleMinutes: value }),
};

const diskFloor: NumberRule = {
  kind: 'number',
  name: 'diskFloorMb',
  minimum: 0,
  maximum: 1_073_741_824,
  step: 1_024,
  suffix: ' MB',
  optional: false,
  read: (policy) => policy.diskFloorMb,
  write: (_policy, value) => (value === null ? null : { diskFloorMb: value }),
};

const keepAwake: SwitchRule = {
  kind: 'switch',
  name: 'keepAwake',
  read: (policy) => policy.keepAwake === 'working',
  write: (checked) => ({ keepAwake: checked ? 'working' : 'never' }),
};

/** All rules in the order of the screen. */
export const RULE_GROUPS: readonly { readonly name: keyof typeof texts.groups; readonly rules: readonly Rule[] }[] = [
  {
    name: 'use',
    rules: [
      onOff('workInUse', 'idle'),
      { ...idleMinutes, needs: 'idle' },
      share('inUseCpuShare', 'inUse', 'cpuShare'),
      share('idleCpuShare', 'idle', 'cpuShare'),
      share('inUseGpuShare', 'inUse', 'gpuShare'),
      share('idleGpuShare', 'idle', 'gpuShare'),
      inUseMemory,
      graphicsMemory('inUseVramMb', 'inUse'),
      graphicsMemory('idleVramMb', 'idle'),
    ],
  },
  { name: 'hours', rules: [] },
  {
    name: 'power',
    rules: [
      limit('batteryFloorPercent', ' %', 1, 100, 5),
      limit('maxCpuCelsius', ' °C', 30, 120),
      limit('maxGpuCelsius', ' °C', 30, 120),
      limit('maxWatts', ' W', 1, 2_000, 5),
      keepAwake,
    ],
  },
  {
    name: 'programs',
    rules: [
      onOff('pauseOnFullScreen', 'fullScreen'),
      limit('otherCpuPercent', ' %', 1, 100, 5),
      limit('otherGpuPercent', ' %', 1, 100, 5),
    ],
  },
  {
    name: 'network',
    rules: [
      onOff('pauseOnMetered', 'metered'),
      limit('uploadKilobytesPerSecond', ' kB/s', 1, 10_000_000, 100),
      limit('downloadKilobytesPerSecond', ' kB/s', 1, 10_000_000, 100),
      limit('monthlyTrafficMb', ' MB', 1, 1_073_741_824, 1_000),
    ],
  },
  { name: 'disk', rules: [diskFloor, limit('diskCapMb', ' MB', 0, 1_073_741_824, 1_024)] },
  { name: 'pausing', rules: [onOff('finishBeforePausing'), onOff('freeMemoryWhenPaused')] },
];
