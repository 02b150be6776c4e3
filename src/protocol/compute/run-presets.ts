import { DEFAULT_POLICY, type PolicyPreferences } from './run-preferences';

/** Ready-made answers to "how much may it do", from least to most. */
export const PRESET_NAMES = ['quiet', 'balanced', 'allIn'] as const;
export type PresetName = (typeof PRESET_NAMES)[number];

/** What a preset decides; everything else, such as hours, programs and volumes, stays as the person set it. */
type Decided = Pick<
  PolicyPreferences,
  | 'workInUse'
  | 'idleMinutes'
  | 'idle'
  | 'inUse'
  | 'batteryFloorPercent'
  | 'otherCpuPercent'
  | 'otherGpuPercent'
  | 'pauseOnFullScreen'
  | 'pauseOnMetered'
  | 'finishBeforePausing'
>;

export interface Preset {
  readonly policy: Decided;
  readonly pauseOnBattery: boolean;
}

const { idle, inUse, batteryFloorPercent } = DEFAULT_POLICY;

export const PRESETS: Readonly<Record<PresetName, Preset>> = {
  quiet: {
    policy: {
      workInUse: false,
      idleMinutes: 10,
      idle: { ...idle, cpuShare: 0.5, gpuShare: 0.5 },
      inUse: { ...inUse, cpuShare: 0.25, gpuShare: 0.25 },
      batteryFloorPercent,
      otherCpuPercent: 25,
      otherGpuPercent: 20,
      pauseOnFullScreen: true,
      pauseOnMetered: true,
      finishBeforePausing: false,
    },
    pauseOnBattery: true,
  },
  balanced: {
    policy: {
      workInUse: DEFAULT_POLICY.workInUse,
      idleMinutes: DEFAULT_POLICY.idleMinutes,
      idle,
      inUse,
      batteryFloorPercent,
      otherCpuPercent: DEFAULT_POLICY.otherCpuPercent,
      otherGpuPercent: DEFAULT_POLICY.otherGpuPercent,
      pauseOnFullScreen: DEFAULT_POLICY.pauseOnFullScreen,
      pauseOnMetered: DEFAULT_POLICY.pauseOnMetered,
      finishBeforePausing: DEFAULT_POLICY.finishBeforePausing,
    },
    pauseOnBattery: true,
  },
  allIn: {
    policy: {
      workInUse: true,
      idleMinutes: 5,
      idle: { ...idle, cpuShare: 1, gpuShare: 1 },
      inUse: { ...inUse, cpuShare: 1, gpuShare: 1 },
      batteryFloorPercent,
      otherCpuPercent: null,
      otherGpuPercent: null,
      pauseOnFullScreen: false,
      pauseOnMetered: true,
      finishBeforePausing: true,
    },
    pauseOnBattery: false,
  },
};

/** The preset whose decisions are all in force, or null when the person chose their own. */
export function presetOf(policy: PolicyPreferences, pauseOnBattery: boolean): PresetName | null {
  const matches = (name: PresetName): boolean => {
    const preset = PRESETS[name];
    const same = (key: keyof Decided): boolean => JSON.stringify(policy[key]) === JSON.stringify(preset.policy[key]);
    return preset.pauseOnBattery === pauseOnBattery && (Object.keys(preset.policy) as (keyof Decided)[]).every(same);
  };
  return PRESET_NAMES.find(matches) ?? null;
}
