import { Type, type Static, type TSchema } from 'typebox';

/*
 * What the app keeps of its own work: figures, the log of what happened and why, notices of the coordinator. Kept on
 * this computer only.
 */

// --- Statistics ---------------------------------------------------------------------------------------------------

/** How far a plot goes back, and how fine it is: hours of a day, days of a week or month, weeks of a quarter, months. */
export const STATISTICS_RANGES = ['day', 'week', 'month', 'quarter', 'year'] as const;
export const StatisticsRange = Type.Union([
  Type.Literal('day'),
  Type.Literal('week'),
  Type.Literal('month'),
  Type.Literal('quarter'),
  Type.Literal('year'),
]);
export type StatisticsRange = Static<typeof StatisticsRange>;

/** Sums that are kept by time, model and device; every one of them adds up. */
export const WORK_COUNTERS = [
  /** GFT in whole millionths: for work, spent on answers, lost to penalties and expiry. */
  'earnedMicroGft',
  'spentMicroGft',
  'lostMicroGft',
  /** By `countFlops`. */
  'flops',
  'requests',
  'requestsFailed',
  'tokens',
  'challengesPassed',
  'challengesFailed',
  /** Seconds in which layers were served, and of them those with a request at work. */
  'servingSeconds',
  'workingSeconds',
  /** Reliability times the seconds it held, and those seconds: their quotient is the mean. */
  'reliabilitySeconds',
  'ratedSeconds',
  /** Energy of this app's work in joules; of it what a power reader measured. */
  'energyJoules',
  'measuredJoules',
  /** Energy of which the grid's mix was known, and of it the renewable part. */
  'gridJoules',
  'renewableJoules',
] as const;
export type WorkCounter = (typeof WORK_COUNTERS)[number];
export type WorkCounters = Readonly<Record<WorkCounter, number>>;

export const NO_WORK: WorkCounters = Object.freeze(
  Object.fromEntries(WORK_COUNTERS.map((counter) => [counter, 0])) as Record<WorkCounter, number>,
);

/** The part of the app's running time in which one state held; `paused:` is followed by the reason's kind. */
export interface StateTime {
  readonly state: string;
  readonly seconds: number;
}

/** One bar of a plot. */
export interface StatisticsBucket {
  /** Milliseconds since the epoch; the end is the start of the next bucket. */
  readonly startMs: number;
  readonly endMs: number;
  readonly work: WorkCounters;
  /** Seconds the app ran, whatever it did. */
  readonly runningSeconds: number;
}

/** What one model or device did in the range. */
export interface StatisticsPart {
  readonly name: string;
  readonly work: WorkCounters;
}

/** A goal that was reached, in the unit of its kind: requests, tera-FLOPs, GFT, hours of serving. */
export interface Milestone {
  readonly kind: 'requests' | 'teraflops' | 'gft' | 'hours';
  readonly value: number;
  readonly reachedAt: string;
}

/** A goal that is not reached yet. */
export interface NextMilestone {
  readonly kind: Milestone['kind'];
  readonly value: number;
  /** Of the way from nothing, 0 to 1. */
  readonly fraction: number;
}

export interface StatisticsView {
  readonly range: StatisticsRange;
  /** Oldest first; the last one is still running. */
  readonly buckets: readonly StatisticsBucket[];
  /** As many buckets before those, for comparison. */
  readonly previous: readonly StatisticsBucket[];
  readonly models: readonly StatisticsPart[];
  /** Devices by id: `cpu`, `gpu0`. */
  readonly devices: readonly StatisticsPart[];
  readonly states: readonly StateTime[];
  readonly total: WorkCounters;
  /** When the first figure was kept; null: nothing yet. */
  readonly since: string | null;
  readonly milestones: readonly Milestone[];
  readonly nextMilestones: readonly NextMilestone[];
  /** Days in a row with served requests, up to today; null where streaks are off. */
  readonly streakDays: number | null;
  readonly reasons: readonly EarningReason[];
}

// --- Why it earns what it earns -----------------------------------------------------------------------------------

/** Why a computer earns less than it could, the weightiest first. Shares are 0 to 1. */
export type EarningReason =
  | { readonly kind: 'no-tokens' }
  | { readonly kind: 'not-connected'; readonly share: number }
  | { readonly kind: 'suspended' }
  | { readonly kind: 'paused'; readonly reason: string; readonly share: number }
  | { readonly kind: 'app-closed'; readonly share: number }
  | { readonly kind: 'pipeline-incomplete'; readonly layersMissing: number }
  | { readonly kind: 'layers-crowded'; readonly holders: number }
  | { readonly kind: 'no-demand' }
  | { readonly kind: 'challenges-failed'; readonly failed: number; readonly decided: number }
  | { readonly kind: 'requests-failed'; readonly failed: number; readonly all: number }
  | { readonly kind: 'low-reliability'; readonly reliability: number }
  | { readonly kind: 'slow'; readonly hardwareClass: string; readonly multiplier: number }
  | { readonly kind: 'new'; readonly hours: number };

// --- Event log ----------------------------------------------------------------------------------------------------

export const LOG_KINDS = [
  'policy',
  'connection',
  'request',
  'earning',
  'spending',
  'challenge',
  'coverage',
  'snooze',
  'update',
  'notice',
  'error',
] as const;
export type LogKind = (typeof LOG_KINDS)[number];

export interface LogEntry {
  readonly id: number;
  readonly at: string;
  readonly kind: LogKind;
  readonly text: string;
}

/** Entries one call gives. */
export const LOG_PAGE_SIZE = 200;

const Moment = Type.Union([Type.Integer({ minimum: 0, maximum: 8_640_000_000_000_000 }), Type.Null()]);

export const LogFilter = Type.Object({
  /** Empty: every kind. */
  kinds: Type.Array(Type.Enum([...LOG_KINDS]), { maxItems: LOG_KINDS.length }),
  /** Milliseconds since the epoch; the end is not included. */
  fromMs: Moment,
  untilMs: Moment,
  /** Every word has to be in the text; case does not count. */
  text: Type.String({ maxLength: 200 }),
});
export type LogFilter = Static<typeof LogFilter>;

export interface LogPage {
  readonly entries: readonly LogEntry[];
  /** How many entries match the filter. */
  readonly matching: number;
  /** How many are kept. */
  readonly kept: number;
}

// --- Notices ------------------------------------------------------------------------------------------------------

/** What the coordinator had to say: a message of its operator, an expiry or penalty it booked, or its judgement of this node. */
export interface CoordinatorNotice {
  readonly id: number;
  readonly kind: 'message' | 'expiry' | 'penalty' | 'policy';
  readonly text: string;
  /** Name or address of the coordinator. */
  readonly from: string;
  readonly firstAt: string;
  readonly lastAt: string;
  /** How often it came; one that comes again is not shown again. */
  readonly times: number;
  readonly read: boolean;
}

// --- Notifications of the system ----------------------------------------------------------------------------------

export const NOTIFICATION_KINDS = ['problem', 'notice', 'milestone'] as const;
export type NotificationKind = (typeof NOTIFICATION_KINDS)[number];

const MinuteOfDay = Type.Integer({ minimum: 0, maximum: 1_439 });

/** Which of the few notifications of the system are shown, and when not. */
export const NotificationSettings = Type.Object({
  /** This computer cannot work and needs its person. */
  problem: Type.Boolean(),
  /** Word from the coordinator. */
  notice: Type.Boolean(),
  milestone: Type.Boolean(),
  /** Minutes of local time since midnight between which none is shown; an end before the start lies on the next day. */
  quietHours: Type.Union([Type.Object({ start: MinuteOfDay, end: MinuteOfDay }), Type.Null()]),
});
export type NotificationSettings = Static<typeof NotificationSettings>;

export const DEFAULT_NOTIFICATIONS: NotificationSettings = {
  problem: true,
  notice: true,
  milestone: false,
  quietHours: { start: 22 * 60, end: 8 * 60 },
};

/** Smallest and largest power a processor or a graphics card is taken to draw under full load. */
export const FULL_LOAD_WATTS = { minimum: 1, maximum: 2_000 } as const;

export const StatisticsSettings = Type.Object({
  showStreaks: Type.Boolean(),
  /** Power of the processor under full load in watts, where none can be measured; null: by the number of its cores. */
  fullLoadWatts: Type.Union([Type.Integer(FULL_LOAD_WATTS), Type.Null()]),
});
export type StatisticsSettings = Static<typeof StatisticsSettings>;

export const DEFAULT_STATISTICS: StatisticsSettings = { showStreaks: false, fullLoadWatts: null };

// --- Calls --------------------------------------------------------------------------------------------------------

const Nothing = Type.Null();

export const RECORD_CALLS = {
  'statistics:get': Type.Object({ range: StatisticsRange }),
  'statistics:export': Type.Object({ range: StatisticsRange }),
  'log:get-page': Type.Object({ filter: LogFilter, offset: Type.Integer({ minimum: 0, maximum: 10_000_000 }) }),
  'log:export': Type.Object({ filter: LogFilter, format: Type.Union([Type.Literal('jsonl'), Type.Literal('csv')]) }),
  'notices:get': Nothing,
  /** Null marks all. */
  'notices:mark-read': Type.Object({ id: Type.Union([Type.Integer({ minimum: 1 }), Type.Null()]) }),
} as const satisfies Record<string, TSchema>;

export interface RecordCallValues {
  'statistics:get': StatisticsView;
  /** Where it was written; null when the dialog was closed. */
  'statistics:export': { readonly path: string } | null;
  'log:get-page': LogPage;
  'log:export': { readonly path: string; readonly entries: number } | null;
  'notices:get': readonly CoordinatorNotice[];
  'notices:mark-read': null;
}
