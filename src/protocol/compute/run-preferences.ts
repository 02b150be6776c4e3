import { Type, type Static } from 'typebox';

/** Whether a device may work: without asking the rules, by the rules, or not at all. */
export const DeviceMode = Type.Union([Type.Literal('always'), Type.Literal('preferences'), Type.Literal('never')]);
export type DeviceMode = Static<typeof DeviceMode>;

/** `cpu`, `network`, or a graphics processor by its place in the hardware report: `gpu0`. */
export const DeviceId = Type.String({ pattern: '^(cpu|network|gpu[0-9]{1,2})$' });
export type DeviceId = Static<typeof DeviceId>;

/** Whether a coordinator may have this computer hold other layers: it asks, it may, or it may not. */
export const MOVE_CONSENT = ['ask', 'always', 'never'] as const;
export type MoveConsentChoice = (typeof MOVE_CONSENT)[number];

/** How a node can hold weights: exactly, or in 8 or 4 bits with a scale for every 32 of them. */
export const HELD_PRECISIONS = ['fp32', 'int8', 'int4'] as const;
export type HeldPrecision = (typeof HELD_PRECISIONS)[number];

export const MINUTES_PER_DAY = 1_440;

/**
 * When work is allowed on a weekday, in minutes of local time since midnight. An end at or before the start lies on the
 * next day.
 */
export const DayHours = Type.Union([
  Type.Object({ kind: Type.Literal('all') }),
  Type.Object({ kind: Type.Literal('none') }),
  Type.Object({
    kind: Type.Literal('hours'),
    start: Type.Integer({ minimum: 0, maximum: MINUTES_PER_DAY - 1 }),
    end: Type.Integer({ minimum: 0, maximum: MINUTES_PER_DAY }),
  }),
]);
export type DayHours = Static<typeof DayHours>;

const Share = Type.Number({ minimum: 0.05, maximum: 1 });
const Percent = Type.Integer({ minimum: 1, maximum: 100 });
const Megabytes = Type.Integer({ minimum: 0, maximum: 1_073_741_824 });
const optional = <Schema extends Parameters<typeof Type.Union>[0][number]>(schema: Schema) =>
  Type.Union([schema, Type.Null()]);

/** A name that is compared with the names of running programs; longer ones exist on no system. */
const ProgramName = Type.String({ minLength: 1, maxLength: 120, pattern: '^[^/\\\\]+$' });

/** Longest list of exclusive programs: each is looked for in every reading of the process list. */
export const MAX_EXCLUSIVE_PROGRAMS = 50;

/** The rules a person sets for when and how hard this computer works. Null means that there is no such limit. */
export const PolicyPreferences = Type.Object({
  cpuMode: DeviceMode,
  /** Modes of graphics processors by device id; one that is not named works by the rules. */
  gpuModes: Type.Record(Type.String({ pattern: '^gpu[0-9]{1,2}$' }), DeviceMode),
  networkMode: DeviceMode,
  /** Whether work goes on while somebody uses the computer. */
  workInUse: Type.Boolean(),
  /** Without input for this long the computer counts as idle. */
  idleMinutes: Type.Integer({ minimum: 1, maximum: MINUTES_PER_DAY }),
  /** Shares of a device's time, 0.05 to 1, and its memory. */
  idle: Type.Object({ cpuShare: Share, gpuShare: Share, vramMb: optional(Megabytes) }),
  inUse: Type.Object({
    cpuShare: Share,
    gpuShare: Share,
    /** Null: as much as when idle. */
    memoryMb: optional(Megabytes),
    vramMb: optional(Megabytes),
  }),
  /** Where work on battery is allowed: it ends below this charge. */
  batteryFloorPercent: optional(Percent),
  /** Monday to Sunday; null is any time. */
  schedule: optional(Type.Array(DayHours, { minItems: 7, maxItems: 7 })),
  /** Pause while other programs use more than this much of the whole processor, or of a graphics processor. */
  otherCpuPercent: optional(Percent),
  otherGpuPercent: optional(Percent),
  pauseOnFullScreen: Type.Boolean(),
  exclusivePrograms: Type.Array(ProgramName, { maxItems: MAX_EXCLUSIVE_PROGRAMS }),
  maxCpuCelsius: optional(Type.Integer({ minimum: 30, maximum: 120 })),
  maxGpuCelsius: optional(Type.Integer({ minimum: 30, maximum: 120 })),
  /** Power the processor package draws. */
  maxWatts: optional(Type.Integer({ minimum: 1, maximum: 2_000 })),
  pauseOnMetered: Type.Boolean(),
  uploadKilobytesPerSecond: optional(Type.Integer({ minimum: 1, maximum: 10_000_000 })),
  downloadKilobytesPerSecond: optional(Type.Integer({ minimum: 1, maximum: 10_000_000 })),
  /** Both directions together, by calendar month. */
  monthlyTrafficMb: optional(Type.Integer({ minimum: 1, maximum: 1_073_741_824 })),
  /** Disk space cut shards may take. */
  diskCapMb: optional(Megabytes),
  /** Free space that is left to the computer. */
  diskFloorMb: Megabytes,
  /** Whether the computer may fall asleep while it works. */
  keepAwake: Type.Union([Type.Literal('never'), Type.Literal('working')]),
  freeMemoryWhenPaused: Type.Boolean(),
  /** Running requests are finished before a pause by a rule; else they are handed to other nodes at once. */
  finishBeforePausing: Type.Boolean(),
});
export type PolicyPreferences = Static<typeof PolicyPreferences>;

export const DEFAULT_POLICY: PolicyPreferences = {
  cpuMode: 'preferences',
  gpuModes: {},
  networkMode: 'preferences',
  workInUse: true,
  idleMinutes: 5,
  idle: { cpuShare: 1, gpuShare: 1, vramMb: null },
  inUse: { cpuShare: 0.5, gpuShare: 0.5, memoryMb: null, vramMb: null },
  batteryFloorPercent: 30,
  schedule: null,
  otherCpuPercent: null,
  otherGpuPercent: 30,
  pauseOnFullScreen: true,
  exclusivePrograms: [],
  maxCpuCelsius: null,
  maxGpuCelsius: 85,
  maxWatts: null,
  pauseOnMetered: true,
  uploadKilobytesPerSecond: null,
  downloadKilobytesPerSecond: null,
  monthlyTrafficMb: null,
  diskCapMb: null,
  diskFloorMb: 1_024,
  keepAwake: 'never',
  freeMemoryWhenPaused: true,
  finishBeforePausing: false,
};
